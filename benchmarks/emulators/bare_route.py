"""`python -m benchmarks.emulators.bare_route PORT`: one route of a bare Starlette application, on the local cloud's HTTP server."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request  # noqa: TC002 - read by whoever reads the annotation
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.emulators.emulator import Emulator, request
from benchmarks.emulators.process import free_port
from benchmarks.emulators.process import serving as running
from localcloud.daemon.server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator


async def _answer(_: Request) -> Response:
    return JSONResponse({"kind": "compute#instanceTemplate", "name": "bare"})


@contextmanager
def bare_route() -> Iterator[Emulator]:
    """Start one."""
    port = free_port()
    with running([sys.executable, "-m", "benchmarks.emulators.bare_route", str(port)], port) as pid:
        yield Emulator("bare route", port, pid, get=request(port, "GET", "/"))


async def serve(port: int) -> None:
    """Serve until killed."""
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    async with serving(Starlette(routes=[Route("/", _answer)]), listener):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
