"""A service that answers each prober by lot, wrongly every so often; what runs on the instance that is probed, and what it will draw.

A lot counts once its answer has been read. A probe that timed out before that, for this machine was busy, leaves it to the next one:
so what a prober hears is the same on every machine, and nothing of it is missing.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import socket
import struct
import sys
import termios
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT = 8080
_LOST, _OK = b"HTTP/1.1 503 Lost\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"
_FORGOTTEN = (
    30.0  # real seconds until a connection is given up of which nothing is heard: resets are not sent twice
)


def draws(a: float, q: float, prober: str, path: str) -> Iterator[bool]:
    """Yield whether each answer to a prober (by its address) that asks for a path is lost: by chance `q` after such a one, else `a`."""
    rng = random.Random(f"{a:g} {q:g} {prober} {path}")  # noqa: S311 - repeatable, not secret
    lost = False
    while True:
        lost = rng.random() < (q if lost else a)
        yield lost


class Lot:
    """What is answered on one path to one prober: to one connection at a time, the same until it has been read."""

    def __init__(self, coming: Iterator[bool]) -> None:
        self._coming = coming
        self._lost = next(coming)
        self._asking: deque[Answering] = deque()  # the first has its answer

    def ask(self, each: Answering) -> None:
        """Answer, once it is known what became of the answer before."""
        self._asking.append(each)
        if len(self._asking) == 1:
            each.answer(_LOST if self._lost else _OK)

    def over(self, each: Answering, *, read: bool) -> None:
        """Take note that a connection has ended, and whether its answer was read."""
        first = self._asking[0] is each
        self._asking.remove(each)
        if read:
            self._lost = next(self._coming)
        if first and self._asking:
            self._asking[0].answer(_LOST if self._lost else _OK)


class Answering(asyncio.Protocol):
    """One probe's connection."""

    def __init__(self, a: float, q: float, lots: dict[tuple[str, str], Lot]) -> None:
        self._a, self._q, self._lots = a, q, lots
        self._request = b""
        self._lot: Lot | None = None
        self._answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Have the answer and the FIN go as one: both are acknowledged, or neither."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._socket: socket.socket = transport.get_extra_info("socket")
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        self._timer = asyncio.get_running_loop().call_later(_FORGOTTEN, transport.abort)

    def data_received(self, data: bytes) -> None:
        """Find the lot, once the request is complete."""
        self._request += data
        if self._lot is None and self._request.endswith(b"\r\n\r\n"):
            asked = (self._transport.get_extra_info("peername")[0], self._request.split()[1].decode())
            if asked not in self._lots:
                self._lots[asked] = Lot(draws(self._a, self._q, *asked))
            self._lot = self._lots[asked]
            self._lot.ask(self)

    def answer(self, words: bytes) -> None:
        """Say so, and nothing more: this side closes first, as servers do."""
        self._answered = True
        self._transport.write(words)
        self._transport.write_eof()

    def eof_received(self) -> None:
        """Who closes without having read what came resets the connection; who closed before, does not acknowledge it."""
        left = struct.unpack("i", fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
        self._end(read=self._answered and left == 0)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Leave the answer to the next one, unless it is known already what became of it."""
        self._timer.cancel()
        self._end(read=False)

    def _end(self, *, read: bool) -> None:
        lot, self._lot = self._lot, None
        if lot is not None:
            lot.over(self, read=read)


async def serve(a: float, q: float, listener: socket.socket) -> asyncio.Server:
    """Answer whoever connects."""
    lots: dict[tuple[str, str], Lot] = {}
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Answering(a, q, lots), sock=listener, backlog=1024)


async def _main(a: float, q: float) -> None:
    server = await serve(a, q, socket.create_server(("", PORT)))
    os.write(3, b"r")
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(*map(float, sys.argv[1:])))
