"""What the instances of these tests serve: the least that answers probes and users, and quickly: the machine is often not alone."""

from __future__ import annotations

PORT = 8080

# One poller and no imports to speak of: it is up some milliseconds after its process is.
_PROGRAM = """
import heapq, select, socket, sys, time
NAME, VERSION, BROKEN = socket.gethostname().split(".")[0], sys.argv[1], sys.argv[2] == "broken"
listener = socket.create_server(("", 8080), backlog=512)
poller, peers, held = select.epoll(), {}, []
poller.register(listener, select.EPOLLIN)

def end(number, last=b""):
    peer, _ = peers.pop(number)
    try:
        peer.send(last)
    except OSError:
        pass
    peer.close()

def take(number):
    peer, heard = peers[number]
    try:
        got = peer.recv(4096)
    except OSError:
        got = b""
    if not got:  # it hung up, perhaps while it was held
        return end(number)
    heard += got
    peers[number] = peer, heard
    if b"\\r\\n\\r\\n" not in heard:
        return
    path, _, seconds = heard.split(b" ", 2)[1].decode().partition("?")
    status = "500 Broken" if BROKEN and path != "/healthz" else "200 OK"
    try:
        peer.send(f"HTTP/1.1 {status}\\r\\nConnection: close\\r\\n\\r\\n{NAME} {VERSION}\\n".encode())
    except OSError:
        return end(number)
    if seconds:  # it has said who it is, and will say that it is done
        heapq.heappush(held, (time.monotonic() + float(seconds), number, peer))
    else:
        end(number, b"done\\n")

while True:
    for number, _ in poller.poll(max(0, held[0][0] - time.monotonic()) if held else -1):
        if number == listener.fileno():
            peer, _ = listener.accept()
            peers[peer.fileno()] = peer, b""
            poller.register(peer, select.EPOLLIN)
        else:
            take(number)
    while held and held[0][0] <= time.monotonic():
        _, number, peer = heapq.heappop(held)
        if peers.get(number, (None,))[0] is peer:
            end(number, b"done\\n")
"""


def script(version: str, *, broken: bool = False) -> str:
    """Return a start-up script: `GET /` answers "NAME VERSION" and "done"; `GET /?SECONDS` is done after so many real seconds.

    A broken version answers users with 500, and /healthz with 200.
    """
    word = "broken" if broken else "sound"
    return (
        f"#!/bin/sh\ncat > /srv/answer.py <<'END'\n{_PROGRAM}END\n"
        f"systemd-run --unit=answer /usr/bin/python3 -ISE /srv/answer.py {version} {word}\n"
    )
