"""Answers leave in one piece, whole and in order, and what is written before there is more to write does not wait for it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from typing import TYPE_CHECKING

import httpx
import pytest
import uvicorn
from uvicorn.server import ServerState

from localcloud.daemon.gathering import Gathering, GatheringProtocol
from localcloud.daemon.server import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import Receive, Scope, Send

LARGE = b"x" * 200_000


class Wire(asyncio.Transport):
    """Notes what is written to it, in which pieces."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Note it."""
        assert not self.closed
        self.pieces.append(bytes(data))

    def close(self) -> None:
        """Note that nothing may come any more."""
        self.closed = True

    def is_closing(self) -> bool:
        """Tell whether nothing may come any more."""
        return self.closed

    def get_extra_info(self, _name: str, default: object = None) -> object:
        """Know nothing of where it leads."""
        return default

    def resume_reading(self) -> None:
        """It reads nothing anyway."""


def test_head_and_body_are_one_piece() -> None:
    async def answer() -> list[bytes]:
        wire = Wire()
        gathering = Gathering(wire, asyncio.get_running_loop())
        for _ in range(2):
            gathering.write(b"head ")
            gathering.write(b"body ")
        await asyncio.sleep(0)
        return wire.pieces

    assert asyncio.run(answer()) == [b"head body ", b"head body "]


def test_what_has_no_more_behind_it_does_not_wait() -> None:
    async def answer() -> None:
        wire = Wire()
        gathering = Gathering(wire, asyncio.get_running_loop())
        gathering.write(b"head ")
        assert wire.pieces == []
        await asyncio.sleep(0)
        assert wire.pieces == [b"head "]
        gathering.write(b"first ")
        gathering.write(b"")
        gathering.close()
        assert (wire.pieces, wire.closed) == ([b"head ", b"first "], True)

    asyncio.run(answer())


def test_what_is_large_is_not_copied_and_comes_behind_what_was_before_it() -> None:
    async def answer() -> list[bytes]:
        wire = Wire()
        gathering = Gathering(wire, asyncio.get_running_loop())
        gathering.write(b"head ")
        gathering.write(LARGE)
        gathering.write(b"head ")
        gathering.close()
        return wire.pieces

    assert asyncio.run(answer()) == [b"head ", LARGE, b"head "]


async def _application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer /SIZE with so many bytes, /stream with a few parts, and /late when the loop has turned a few times."""
    wanted = scope["path"][1:]
    if wanted == "late":
        for _ in range(20):
            await asyncio.sleep(0)
        wanted = "4"
    length = [] if wanted == "stream" else [(b"content-length", wanted.encode())]
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": [*length, (b"x-body", body)]})
    if wanted == "stream":
        for part in (b"one", b"two"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.body", "body": b"x" * int(wanted)})


def test_a_server_s_answers_arrive_whole() -> None:
    async def talk() -> None:
        with closing(socket.socket(proto=socket.IPPROTO_TCP)) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            base = f"http://127.0.0.1:{listener.getsockname()[1]}"
            async with (
                serving(_application, listener),
                httpx.AsyncClient(base_url=base, timeout=60) as client,
            ):
                for size in (0, 1, 65_535, 65_536, 65_537, 1_000_000, 3):
                    assert (await client.get(f"/{size}")).content == b"x" * size
                assert (await client.get("/stream")).content == b"onetwo"
                assert (await client.head("/7")).headers["content-length"] == "7"
                asked = await client.post("/2", content=b"hello", headers={"expect": "100-continue"})
                assert (asked.content, asked.headers["x-body"]) == (b"xx", "hello")
                closing_one = await client.get("/5", headers={"connection": "close"})
                assert closing_one.content == b"xxxxx"

    asyncio.run(talk())


def test_a_client_that_has_said_all_it_has_to_say_is_answered() -> None:
    async def say(port: int, words: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(words)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    async def talk() -> bytes:
        with closing(socket.socket(proto=socket.IPPROTO_TCP)) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            port = listener.getsockname()[1]
            async with serving(_application, listener):
                return await say(port, b"GET /late HTTP/1.1\r\nHost: a\r\n\r\n")

    whole = asyncio.run(talk())
    assert whole.startswith(b"HTTP/1.1 200 OK\r\n")
    assert whole.endswith(b"\r\n\r\nxxxx")
    assert b"connection: close" in whole


class Hands(asyncio.BaseEventLoop):
    """A loop's clock that is set by hand, and the timers that were asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        """Return the time that it was set to."""
        return self.now

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[[], None]
    ) -> asyncio.TimerHandle:
        """Keep it for `run`."""
        self.timers.append((self.now + delay, callback))
        return asyncio.TimerHandle(self.now + delay, callback, (), self)

    def run(self, until: float) -> None:
        """Move on, and call what is due."""
        self.now = until
        due = [callback for when, callback in self.timers if when <= until]
        self.timers = [(when, callback) for when, callback in self.timers if when > until]
        for callback in due:
            callback()


@pytest.fixture
def hands() -> Iterator[Hands]:
    """Return a loop that nobody runs."""
    loop = Hands()
    yield loop
    loop.close()


def idle_connection(hands: Hands, wire: Wire) -> GatheringProtocol:
    """Return a connection that is closed when it has been idle for ten seconds, and has answered its first request now."""
    config = uvicorn.Config(_application, timeout_keep_alive=10, lifespan="off", log_config=None)
    protocol = GatheringProtocol(config, ServerState(), {}, hands)
    protocol.connection_made(wire)
    protocol.on_response_complete()
    return protocol


def test_a_connection_in_use_is_kept_by_one_timer_however_many_requests_there_are(hands: Hands) -> None:
    wire = Wire()
    connection = idle_connection(hands, wire)
    for second in range(1, 100):
        hands.run(second)
        connection.data_received(b"")
        connection.on_response_complete()
        assert len(hands.timers) == 1
    assert not wire.closed
    hands.run(108)
    assert not wire.closed
    hands.run(109)
    assert wire.closed


def test_a_request_may_take_longer_than_a_connection_may_be_idle(hands: Hands) -> None:
    wire = Wire()
    connection = idle_connection(hands, wire)
    hands.run(9)
    connection.data_received(b"")
    hands.run(1000)
    assert (wire.closed, hands.timers) == (False, [])
    connection.on_response_complete()
    hands.run(1009)
    assert not wire.closed
    hands.run(1010)
    assert wire.closed
