"""The daemon's HTTP server: one listening socket on loopback, one application."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import uvicorn

from localcloud.daemon.gathering import GatheringProtocol

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Iterator

    from starlette.types import ASGIApp

# Seconds that a connection may be idle: longer than clients keep theirs (httpx 5, Go 90). If it were ours to close it, a request that is
# on its way at that very moment would be answered by nobody.
KEEP_ALIVE = 120


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the daemon decides when to stop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.accepting.set()


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    """Serve the application on the socket for as long as the block lasts; entered once requests are accepted."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        http=GatheringProtocol,
        ws="none",
        lifespan="off",
        proxy_headers=False,  # there is no proxy before it
        server_header=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=KEEP_ALIVE,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    accepting = asyncio.create_task(server.accepting.wait())
    await asyncio.wait([task, accepting], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        accepting.cancel()
        task.result()
    try:
        yield
    finally:
        server.should_exit = True
        await task
