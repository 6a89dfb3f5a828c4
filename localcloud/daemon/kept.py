"""The daemon's side of its keeper: has one, and another when that dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from typing import TYPE_CHECKING

from localcloud.daemon import launch
from localcloud.daemon.process_record import ProcessRecord, start_recorded

if TYPE_CHECKING:
    import socket
    import subprocess
    from collections.abc import AsyncIterator

    from localcloud.home import Home

_log = logging.getLogger(__name__)
_PAUSE = 1.0  # real seconds before another keeper follows one that has ended


@contextlib.asynccontextmanager
async def kept(home: Home, listener: socket.socket) -> AsyncIterator[None]:
    """See to it that this daemon has a keeper for as long as the block lasts; the keeper outlives it."""
    following = asyncio.create_task(_follow(home, _begin(home, listener), listener))
    try:
        yield
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def _begin(home: Home, listener: socket.socket) -> subprocess.Popen[bytes] | None:
    """Start a keeper unless one lives: the one that started this daemon."""
    if launch.keeper(home) is not None or launch.stopping_file(home).exists():
        return None
    me = ProcessRecord.mine()
    command = [sys.executable, "-m", "localcloud.daemon.keeper"]
    command += [str(me.pid), str(me.started), str(listener.fileno())]
    return start_recorded(
        command,
        launch.keeper_file(home),
        home.logs / "daemon.log",
        {**os.environ, "LOCALCLOUD_HOME": str(home.path)},
        [listener.fileno()],
    )


async def _follow(home: Home, child: subprocess.Popen[bytes] | None, listener: socket.socket) -> None:
    while True:
        keeper = launch.keeper(home) if child is None else ProcessRecord.of(child.pid)
        if keeper is not None:
            await keeper.ended()
        if child is not None:
            child.wait()
        await asyncio.sleep(_PAUSE)
        child = _begin(home, listener)  # none while the cloud is stopped
        if child is not None:
            _log.warning("this daemon's keeper was gone; another was started")
