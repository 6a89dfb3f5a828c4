"""Serves an ASGI application on sockets that were made somewhere else: in an instance's network namespace."""

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


_ROUNDS_TO_CLOSE = (
    5  # of the event loop, from a connection's acceptance to its protocol's knowing of it, and its end
)


class Listener:
    """One application on one or more listening sockets, which it owns from now on. `uvicorn` speaks HTTP; this only places it."""

    def __init__(self, app: App) -> None:
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
        """Learn of a connection; one that was accepted too late is cut off."""
        self._transports.add(transport)
        if self._closing:
            transport.abort()

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

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        self._listener.admit(transport)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.dismiss(self.transport)
        super().connection_lost(exc)
