"""Serves an ASGI application on sockets that were made somewhere else: in an instance's network namespace.

Who connects is whoever the instance runs, which may mean harm to the daemon that answers: connections and what may be sent before a
request is one are bounded, so that no instance takes the daemon's descriptors or memory from the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

if TYPE_CHECKING:
    import socket
    import ssl

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


MOST_CONNECTIONS = 256  # at once, of one instance to one listener; Google's metadata server has a bound for those that wait, too
_MOST_HEAD = 128 << 10  # bytes of a request before its headers are complete

_ROUNDS_TO_CLOSE = (
    5  # of the event loop, from a connection's acceptance to its protocol's knowing of it, and its end
)


class Listener:
    """One application on one or more listening sockets, which it owns from now on. `uvicorn` speaks HTTP; this only places it.

    Beyond `most` connections at once, further ones are cut off as they come.
    """

    def __init__(self, app: App, most: int = MOST_CONNECTIONS) -> None:
        self._most = most
        self._config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            ws="none",
            server_header=False,
            timeout_keep_alive=30,
        )
        self._config.load()
        self._state = ServerState()
        self._servers: list[asyncio.Server] = []
        self._transports: set[asyncio.Transport] = set()
        self._closing = False

    async def serve(self, listening: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Begin to accept on a socket."""
        server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(self), sock=listening, ssl=tls
        )
        self._servers.append(server)

    def admit(self, transport: asyncio.Transport) -> None:
        """Learn of a connection; one that was accepted too late, or is one too many, is cut off."""
        if self._closing or len(self._transports) >= self._most:
            transport.abort()
        self._transports.add(transport)

    def dismiss(self, transport: asyncio.Transport) -> None:
        """Learn of a connection's end."""
        self._transports.discard(transport)

    async def close(self) -> None:
        """Close the sockets, and every connection that came through them."""
        self._closing = True
        # First no new ones: asyncio leaks a connection whose server closes between its acceptance and its being served.
        for server in self._servers:
            for listening in server.sockets:
                asyncio.get_running_loop().remove_reader(listening)
        await _rounds()
        for server in self._servers:
            server.close()
        for task in list(self._state.tasks):
            task.cancel()
        for transport in list(self._transports):
            transport.abort()
        await asyncio.gather(*self._state.tasks, return_exceptions=True)
        await _rounds()


async def _rounds() -> None:
    for _ in range(_ROUNDS_TO_CLOSE):
        await asyncio.sleep(0)


class _Connection(HttpToolsProtocol):
    """A connection that its listener can cut off."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(config=listener._config, server_state=listener._state, app_state={})  # noqa: SLF001 - a part of it
        self._listener = listener
        self._head = 0  # bytes that came since the last request was complete, or its headers were

    def data_received(self, data: bytes) -> None:
        """Take in what has come; uvicorn bounds bodies, but not what is before them."""
        self._head += len(data)
        super().data_received(data)
        if self._head > _MOST_HEAD:
            self.transport.abort()

    def on_headers_complete(self) -> None:
        """Learn that a request's headers are there: what comes now is its body, or the next one's."""
        self._head = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Learn of a piece of a body."""
        self._head = 0
        super().on_body(body)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        self._listener.admit(transport)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.dismiss(self.transport)
        super().connection_lost(exc)
