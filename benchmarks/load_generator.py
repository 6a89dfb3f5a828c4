"""A load generator in one file for the balancer's benchmark; the system's Python runs it inside machines.

`load_generator.py serve` answers each connection to port 9000 with one byte and swallows what is sent to 9001.
`load_generator.py connections ADDRESSES PORT SECONDS` opens connections one after another on 16 lanes and waits for the byte each
time; `load_generator.py bytes ADDRESSES PORT SECONDS` sends on 6 connections. Both take turns with the (comma-separated)
addresses and print one line of JSON.
"""

import contextlib
import itertools
import json
import os
import select
import socket
import struct
import sys
import threading
import time

LANES = 16
STREAMS = 6
CHUNK = 1 << 20
RESET = struct.pack("ii", 1, 0)


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", port))
    listener.listen(4096)
    return listener


def _swallow(connection: socket.socket) -> None:
    buffer = bytearray(CHUNK)
    with connection, contextlib.suppress(ConnectionResetError):
        while connection.recv_into(buffer):
            pass


def _serve_bytes() -> None:
    listener = _listener(9001)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_swallow, args=(connection,), daemon=True).start()


def serve() -> None:
    """Answer until killed; a byte on descriptor 3 says that it listens."""
    threading.Thread(target=_serve_bytes, daemon=True).start()
    listener = _listener(9000)
    os.write(3, b"r")
    while True:
        connection, _ = listener.accept()
        connection.send(b"x")
        connection.close()


def connections(addresses: list[str], port: int, seconds: float) -> dict[str, float]:
    """Return connections per second, their latencies in milliseconds from connect to the first byte, and how busy a core this was."""
    poller = select.epoll()
    lanes: dict[int, tuple[socket.socket, float]] = {}
    latencies: list[float] = []
    turns = itertools.cycle(addresses)
    started, worked = time.perf_counter(), time.process_time()
    end = started + seconds

    def begin() -> None:
        sock = socket.socket()
        sock.setblocking(False)
        lanes[sock.fileno()] = (sock, time.perf_counter())
        sock.connect_ex((next(turns), port))
        poller.register(sock, select.EPOLLIN)

    for _ in range(LANES):
        begin()
    while (now := time.perf_counter()) < end:
        for descriptor, _ in poller.poll(1):
            sock, since = lanes.pop(descriptor)
            if sock.recv(1) == b"x":
                latencies.append(time.perf_counter() - since)
            # no connection is left waiting: what is measured is the way, not the memory for old connections
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            sock.close()
            begin()
    busy = (time.process_time() - worked) / (now - started)
    latencies.sort()
    return {
        "busy": busy,
        "rate": len(latencies) / (now - started),
        "p50": latencies[len(latencies) // 2] * 1e3,
        "p99": latencies[len(latencies) * 99 // 100] * 1e3,
    }


def transfer(addresses: list[str], port: int, seconds: float) -> dict[str, float]:
    """Return the throughput in Gbit/s of a few connections together."""
    sent = [0] * STREAMS
    started = time.perf_counter()
    end = started + seconds
    chunk = bytes(CHUNK)

    def stream(number: int) -> None:
        with socket.create_connection((addresses[number % len(addresses)], port)) as sock:
            while time.perf_counter() < end:
                sent[number] += sock.send(chunk)

    threads = [threading.Thread(target=stream, args=(number,)) for number in range(STREAMS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"gbits": sum(sent) * 8e-9 / (time.perf_counter() - started)}


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        kind = {"connections": connections, "bytes": transfer}[sys.argv[1]]
        print(json.dumps(kind(sys.argv[2].split(","), int(sys.argv[3]), float(sys.argv[4]))))
