"""What arrives at a socket is taken from it no more often than an instance's share allows; the rest waits in the kernel."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from localcloud.guest.shares import Allowance

_REST = 1.0  # seconds after something went wrong that is not the instance's doing: this process may open no more files


class Gate:
    """Calls `arrived` when there is something to be taken from a socket, which is the gate's own from now on."""

    def __init__(
        self, sock: socket.socket, arrived: Callable[[socket.socket], None], allowance: Allowance
    ) -> None:
        """`arrived(socket)` takes one thing; what it raises that is no OSError is a bug."""
        self._socket, self._arrived, self._allowance = sock, arrived, allowance
        self._loop = asyncio.get_running_loop()
        self._resting: asyncio.Task[None] | None = None
        sock.setblocking(False)
        self._loop.add_reader(sock, self._ready)

    def close(self) -> None:
        """Take nothing more; the socket is closed."""
        if self._resting is not None:
            self._resting.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _ready(self) -> None:
        try:
            self._arrived(self._socket)
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        except OSError:
            self._rest(_REST)
            return
        self._allowance.take()
        seconds = self._allowance.wait()
        if seconds > 0:
            self._rest(seconds)

    def _rest(self, seconds: float) -> None:
        self._loop.remove_reader(self._socket)
        self._resting = self._loop.create_task(self._open_again(seconds))

    async def _open_again(self, seconds: float) -> None:
        while seconds > 0:
            await self._allowance.shares.clock.sleep(seconds)
            seconds = self._allowance.wait()
        self._resting = None
        self._loop.add_reader(self._socket, self._ready)
