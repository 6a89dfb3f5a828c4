"""What instances serve here and who talks to them: programs for a plain Python, on the host, among clients and on instances.

The service says "NAME LIFE" on each connection, LIFE a number of the process's own, and then echoes every line. It answers probes, too.
"""

from __future__ import annotations

PORT = 8080

SERVICE = r"""
import os, select, socket
HELLO = (socket.gethostname().split(".")[0] + " " + os.urandom(6).hex() + "\n").encode()
listener = socket.create_server(("", 8080), backlog=512)
poller, peers = select.epoll(), {}
poller.register(listener, select.EPOLLIN)
while True:
    for number, _ in poller.poll():
        if number == listener.fileno():
            peer, _ = listener.accept()
            peers[peer.fileno()] = peer, False
            poller.register(peer, select.EPOLLIN)
            continue
        peer, greeted = peers[number]
        try:
            got = peer.recv(65536)
            if got[:4] == b"GET ":
                peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nwell\n")
                got = b""
            elif got:
                peer.send(got if greeted else HELLO + got)
                peers[number] = peer, True
        except OSError:
            got = b""
        if not got:
            del peers[number]
            peer.close()
"""

# argv: ADDRESS PORT KEPT PER_SECOND. A line on standard input: report, as a line of JSON, what happened since the last one.
TALKERS = r"""
import asyncio, json, os, sys, time
ADDRESS, PORT, KEPT, RATE = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
PATIENCE = 100.0

class Facts:
    def __init__(self):
        self.troubles, self.echoed, self.made, self.lives, self.gap, self.slowest = [], 0, 0, {}, 0.0, 0.0

facts = Facts()

def trouble(kind, error):
    facts.troubles.append([kind, type(error).__name__, str(error)])

async def greet():
    began = time.monotonic()
    reader, writer = await asyncio.wait_for(asyncio.open_connection(ADDRESS, PORT), PATIENCE)
    writer.write(b"hello\n")
    name, life = (await asyncio.wait_for(reader.readline(), PATIENCE)).decode().split()
    assert await asyncio.wait_for(reader.readline(), PATIENCE) == b"hello\n"
    facts.lives[name] = life
    facts.slowest = max(facts.slowest, time.monotonic() - began)
    return reader, writer

async def kept(number):
    while True:
        try:
            reader, writer = await greet()
        except Exception as error:
            trouble("begin", error)
            await asyncio.sleep(0.1)
            continue
        count = 0
        try:
            while True:
                sent = f"{number} {count} {'x' * (count % 1500)}\n".encode()
                began = time.monotonic()
                writer.write(sent)
                assert await asyncio.wait_for(reader.readline(), PATIENCE) == sent, "another echo than was sent"
                facts.gap = max(facts.gap, time.monotonic() - began)
                facts.echoed += 1
                count += 1
                await asyncio.sleep(0.1)
        except Exception as error:
            trouble("kept", error)
            writer.close()

async def once():
    try:
        _, writer = await greet()
        facts.made += 1
        writer.close()
    except Exception as error:
        trouble("new", error)

async def many():
    due, under_way = time.monotonic(), set()
    while True:
        task = asyncio.ensure_future(once())
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        due = max(due + 1 / RATE, time.monotonic())
        await asyncio.sleep(due - time.monotonic())

async def main():
    global facts
    tasks = [asyncio.ensure_future(kept(number)) for number in range(KEPT)] + [asyncio.ensure_future(many())]
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while await lines.readline():
        told, facts = facts, Facts()
        print(json.dumps(vars(told)), flush=True)
    os._exit(0)  # before Python 3.12, wait_for may swallow the end that asyncio.run tells its tasks of, and then nothing ends

asyncio.run(main())
"""


def script() -> str:
    """Return the start-up script of an instance that serves."""
    return (
        f"#!/bin/sh\ncat > /srv/echo.py <<'END'\n{SERVICE}END\n"
        "systemd-run --unit=echo /usr/bin/python3 -ISE /srv/echo.py\n"
    )
