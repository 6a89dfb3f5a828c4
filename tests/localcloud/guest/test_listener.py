"""What serves instances from the daemon bounds what an instance can take of it."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from starlette.responses import Response

from localcloud.guest.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from localcloud.guest.listener import Receive, Scope, Send

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer how many bytes the body has."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), bool(message.get("more_body"))
    await Response(f"{size} bytes")(scope, receive, send)


def story(most: int, tell: Callable[[Callable[[], Awaitable[Connection]]], Awaitable[None]]) -> None:
    """Tell a story of connections to a listener with this bound."""

    async def run() -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        listener = Listener(app, most)
        await listener.serve(listening)
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
