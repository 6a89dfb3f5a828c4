"""Serves an ASGI application on sockets that were made somewhere else: in an instance's network namespace.

Who connects is whoever the instance runs, which may mean harm to the daemon that answers: connections, requests in a second and what may
be sent before a request is one are bounded, so that no instance takes the daemon's descriptors, time or memory from the others.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from localcloud.guest.gate import Gate

if TYPE_CHECKING:
    import socket
    import ssl

    from localcloud.guest.shares import Allowance

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


_MOST_HEAD = 128 << 10  # bytes of a request before its headers are complete
_TOO_MANY = b"Too many requests of this instance wait to be answered. Try again, later and later.\n"
_ROUNDS_TO_CLOSE = 5  # of the event loop, from a connection's end to its protocol's knowing of it


class Listener:
    """One application on one or more listening sockets, which it owns from now on. `uvicorn` speaks HTTP; this only places it.

    Connections that are too many (see `Shares.admits`) are cut off as they come. A connection is a turn of its instance's share, and each
    request on it but the first.
    """

    def __init__(self, app: App, allowance: Allowance) -> None:
        self.app, self.allowance = app, allowance
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
        self._gates: list[Gate] = []
        self._beginning: set[asyncio.Task[None]] = (
            set()
        )  # connections that are accepted, and not yet spoken on
        self._transports: set[asyncio.Transport] = set()
        self._closing = False

    def serve(self, listening: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Begin to accept on a socket."""

        def arrived(_: socket.socket) -> None:
            connection, _peer = listening.accept()
            if not self.allowance.shares.admits(len(self._beginning) + len(self._transports)):
                connection.close()
                return
            task = asyncio.get_running_loop().create_task(self._begin(connection, tls))
            self._beginning.add(task)
            task.add_done_callback(self._beginning.discard)

        self._gates.append(Gate(listening, arrived, self.allowance))

    async def _begin(self, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
        connection.setblocking(False)
        with contextlib.suppress(OSError):  # it hung up, or speaks no TLS
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: _Connection(self), connection, ssl=tls
            )

    def admit(self, transport: asyncio.Transport) -> None:
        """Learn of a connection; one that was accepted too late is cut off."""
        if self._closing:
            transport.abort()
        self._transports.add(transport)
        self.allowance.shares.connections += 1

    def dismiss(self, transport: asyncio.Transport) -> None:
        """Learn of a connection's end."""
        self._transports.discard(transport)
        self.allowance.shares.connections -= 1

    async def close(self) -> None:
        """Close the sockets, and every connection that came through them."""
        self._closing = True
        for gate in self._gates:
            gate.close()
        await asyncio.sleep(0)  # a task that never began would not close the connection it was given
        for task in [*self._beginning, *self._state.tasks]:
            task.cancel()
        for transport in list(self._transports):
            transport.abort()
        await asyncio.gather(*self._beginning, *self._state.tasks, return_exceptions=True)
        await _rounds()


async def _rounds() -> None:
    for _ in range(_ROUNDS_TO_CLOSE):
        await asyncio.sleep(0)


class _Connection(HttpToolsProtocol):
    """A connection that its listener can cut off."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(config=listener._config, server_state=listener._state, app_state={})  # noqa: SLF001 - a part of it
        self._listener = listener
        self.app = self._in_turn
        self._paid = True  # the first request, by the connection
        self._head = 0  # bytes that came since the last request was complete, or its headers were

    async def _in_turn(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request when it is its instance's turn."""
        paid, self._paid = self._paid, False
        if paid or await self._listener.allowance.turn():
            await self._listener.app(scope, receive, send)
            return
        headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(_TOO_MANY)).encode())]
        await send(
            {"type": "http.response.start", "status": 429, "headers": [*headers, (b"retry-after", b"1")]}
        )
        await send({"type": "http.response.body", "body": _TOO_MANY})

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
