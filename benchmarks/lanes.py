"""A few clients of one server, each with one request under way at a time: how many requests are answered in a second.

The requests are bytes made beforehand, and of an answer only the status and the length are looked at, so that this client is not
what is measured. A server that closes the connection after its answer is connected to again, as any client would have to.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LANES = 8
PATIENCE = 60.0  # seconds beyond the measured ones until the answers under way are there


class AnswerError(RuntimeError):
    """A server answered something else than 200 with a length, or closed a connection in between."""


class _Lane(asyncio.Protocol):
    def __init__(self, port: int, requests: Iterator[bytes], end: float) -> None:
        self._port, self._requests, self._end = port, requests, end
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._expected = 0
        self._last = False
        self._next = next(requests, None)
        self.kept: list[bytes] | None = None
        self._connecting: asyncio.Task[object] | None = None
        self.answers: list[float] = []
        self.done: asyncio.Future[None] = self._loop.create_future()

    def connect(self) -> None:
        self._connecting = self._loop.create_task(
            self._loop.create_connection(lambda: self, "127.0.0.1", self._port)
        )
        self._connecting.add_done_callback(self._connected)

    def _connected(self, connecting: asyncio.Task[object]) -> None:
        if (error := connecting.exception()) is not None:
            self._fail(f"could not be connected to: {error}")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP connection's is one
        self._transport = transport
        assert self._next is not None  # noqa: S101 - else there is no connection
        transport.write(self._next)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._expected:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._buffer[:end]).lower()
            self._expected = end + 4 + _length(head)
            self._last = b"\r\nconnection: close" in head
        if len(self._buffer) >= self._expected:
            self._answered()

    def _answered(self) -> None:
        if not self._buffer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.0 200 ")):
            self._fail(f"answered {bytes(self._buffer[:2000])!r}")
            return
        now = time.perf_counter()
        self.answers.append(now)
        if self.kept is not None:
            self.kept.append(bytes(self._buffer))
        self._buffer.clear()
        self._expected = 0
        transport, self._transport = self._transport, None
        assert transport is not None  # noqa: S101 - it has brought the answer
        self._next = next(self._requests, None) if now < self._end else None
        if self._next is None:
            self.done.set_result(None)
            transport.close()
        elif self._last:
            transport.close()
            self.connect()
        else:
            self._transport = transport
            transport.write(self._next)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._fail(f"the connection was lost: {exc}")

    def _fail(self, message: str) -> None:
        if not self.done.done():
            self.done.set_exception(AnswerError(message))
        if self._transport is not None:
            self._transport.close()


def _length(head: bytes) -> int:
    _, found, rest = head.partition(b"\r\ncontent-length:")
    if not found:
        raise AnswerError(f"an answer without a length: {head!r}")
    return int(rest.partition(b"\r\n")[0])


@dataclass(frozen=True)
class Measured:
    """How many requests were answered, and how many in a second."""

    answers: int
    rate: float


def send(port: int, requests: Sequence[bytes]) -> list[bytes]:
    """Send requests one after the other; returns what was answered, heads included.

    Raises:
        AnswerError: an answer was not 200.
        TimeoutError: there was none for a minute.
    """
    return asyncio.run(_send(port, requests))


async def _send(port: int, requests: Sequence[bytes]) -> list[bytes]:
    lane = _Lane(port, iter(requests), float("inf"))
    lane.kept = []
    lane.connect()
    await asyncio.wait_for(lane.done, PATIENCE)
    return lane.kept


def rate(port: int, requests: Iterator[bytes], seconds: float, lanes: int = LANES) -> Measured:
    """Return how many requests a second a server on 127.0.0.1 answers.

    Args:
        port: where it listens.
        requests: what to send, each whole; every lane takes its next one from here.
        seconds: for how long requests are sent.
        lanes: clients, each waiting for an answer before its next request.

    Raises:
        AnswerError: an answer was not 200.
        TimeoutError: there was none for a minute.
    """
    return asyncio.run(_rate(port, requests, seconds, lanes))


async def _rate(port: int, requests: Iterator[bytes], seconds: float, lanes: int) -> Measured:
    begun = time.perf_counter()
    made = [_Lane(port, requests, begun + seconds) for _ in range(lanes)]
    for lane in made:
        lane.connect()
    # A server may take long for one answer, but not for ever.
    await asyncio.wait_for(asyncio.gather(*(lane.done for lane in made)), seconds + PATIENCE)
    answers = [answer for lane in made for answer in lane.answers]
    return Measured(len(answers), len(answers) / (max(answers) - begun))
