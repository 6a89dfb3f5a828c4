"""What serves instances from the daemon bounds what an instance can take of it."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from starlette.responses import Response

from localcloud.clock import RealClock, VirtualClock
from localcloud.guest.listener import Listener
from localcloud.guest.room import Room
from localcloud.guest.shares import BURST, EACH, MOST_WAITING, REFUSED_AFTER, Allowance, Shares

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from localcloud.clock import Clock
    from localcloud.guest.listener import Receive, Scope, Send

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
served: list[str] = []  # the paths of requests that came as far as the application
listeners: list[Listener] = []


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer how many bytes the body has."""
    served.append(scope["path"])
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), bool(message.get("more_body"))
    await Response(f"{size} bytes")(scope, receive, send)


def story(
    most: int,
    tell: Callable[[Callable[[], Awaitable[Connection]]], Awaitable[None]],
    clock: Clock | None = None,
) -> None:
    """Tell a story of connections to a listener with this bound; its instance's share is by this clock, the real one unless said."""

    async def run() -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        listener = Listener(app, Allowance(Shares(clock or RealClock(), Room(open_files=2 * most))))
        listeners.append(listener)
        listener.serve(listening)
        opened: list[Connection] = []

        async def connect() -> Connection:
            opened.append(await asyncio.open_connection("127.0.0.1", port))
            return opened[-1]

        try:
            await asyncio.wait_for(tell(connect), 60)
        finally:
            for _, writer in opened:
                writer.close()
            await listener.close()

    asyncio.run(run())


async def answered(connection: Connection, request: bytes = REQUEST) -> bytes:
    """Send a request; return the first line of the answer, or nothing where the connection was cut off."""
    reader, writer = connection
    try:
        writer.write(request)
        await writer.drain()
        return await reader.readline()
    except ConnectionError:
        return b""


def test_connections_beyond_the_bound_are_cut_off_and_others_are_served() -> None:
    async def tell(connect: Callable[[], Awaitable[Connection]]) -> None:
        first = [await connect() for _ in range(3)]
        for connection in first:
            assert await answered(connection) == b"HTTP/1.1 200 OK\r\n"
        assert await answered(await connect()) == b"", "the fourth is one too many"
        assert await answered(first[0]) == b"content-length: 7\r\n", (
            "the first goes on (its answer's next line)"
        )
        first[1][1].close()
        await first[1][1].wait_closed()
        while await answered(await connect()) != b"HTTP/1.1 200 OK\r\n":
            pass  # the listener has still to learn of the end

    story(3, tell)


async def answers(reader: asyncio.StreamReader, count: int, status: bytes = b"200 OK") -> None:
    """Wait for so many further answers of this status."""
    while count:
        line = await reader.readline()
        assert line, f"cut off with {count} answers to come"
        count -= b"HTTP/1.1 " + status in line  # behind the body before, which ends no line


async def somebody_waits(clock: VirtualClock) -> None:
    """Wait until all that can be answered at once has been."""
    while not clock._sleepers:  # noqa: ASYNC110 - the kernel has it, and tells nobody
        await asyncio.sleep(0.001)


def test_instance_that_asks_on_and_on_is_answered_at_its_rate() -> None:
    clock = VirtualClock()

    async def tell(connect: Callable[[], Awaitable[Connection]]) -> None:
        reader, writer = await connect()
        served.clear()
        writer.write(REQUEST * (int(BURST) + 2))  # the connection is a turn, and its first request none
        await somebody_waits(clock)
        assert len(served) == BURST
        await answers(reader, int(BURST))
        await clock.advance(1 / EACH)
        await answers(reader, 1)
        await somebody_waits(clock)
        assert len(served) == BURST + 1

    story(3, tell, clock)


def test_requests_that_too_many_wait_before_are_refused_and_not_at_once() -> None:
    clock = VirtualClock()

    async def tell(connect: Callable[[], Awaitable[Connection]]) -> None:
        reader, writer = await connect()
        served.clear()
        allowance = listeners[-1].allowance
        while allowance.wait() == 0:
            allowance.take()
        waiting = [asyncio.create_task(allowance.turn()) for _ in range(MOST_WAITING)]
        writer.write(REQUEST * 2)
        await answers(reader, 1)
        while len(clock._sleepers) < 2:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)
        await clock.advance(REFUSED_AFTER)
        await answers(reader, 1, b"429 Too Many Requests")
        assert len(served) == 1
        assert await asyncio.gather(*waiting) == [True] * MOST_WAITING, "who waited has had a turn"

    story(3, tell, clock)


def test_connection_that_comes_as_the_listener_closes_is_closed_too() -> None:
    async def run() -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        listener = Listener(app, Allowance(Shares(RealClock(), Room(open_files=64))))
        listener.serve(listening)
        with socket.create_connection(listening.getsockname()) as client:
            client.setblocking(False)
            # it is accepted, and the task that is to serve it has not begun
            while not listener._beginning:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
            await listener.close()
            assert await asyncio.get_running_loop().sock_recv(client, 1) == b""

    asyncio.run(run())


def test_headers_without_an_end_are_not_kept() -> None:
    async def tell(connect: Callable[[], Awaitable[Connection]]) -> None:
        reader, writer = await connect()
        writer.write(b"GET / HTTP/1.1\r\n")
        try:
            while not reader.at_eof():
                writer.write(b"X-Flood: " + b"x" * 65536 + b"\r\n")
                await writer.drain()
                await asyncio.sleep(0)
        except ConnectionError:
            pass
        assert await answered(await connect()) == b"HTTP/1.1 200 OK\r\n"

    story(8, tell)


def test_large_bodies_and_many_requests_are_no_headers() -> None:
    async def tell(connect: Callable[[], Awaitable[Connection]]) -> None:
        reader, writer = connection = await connect()
        size = 3 << 20
        head = f"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()
        assert await answered(connection, head + b"x" * size) == b"HTTP/1.1 200 OK\r\n"
        padded = REQUEST.replace(b"\r\n\r\n", b"\r\nX-Pad: " + b"x" * 1000 + b"\r\n\r\n")
        for _ in range(200):  # together more than the head of a single one may have
            writer.write(padded)
        await writer.drain()
        seen = 0
        while seen < 200:
            line = await reader.readline()
            assert line, f"cut off after {seen} answers"
            seen += b"HTTP/1.1 200" in line  # behind the body before, which ends no line

    story(8, tell)
