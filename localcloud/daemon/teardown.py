"""Taking down what a cloud made, when its daemon is gone or has let go of it. By ownership: only what the cloud's records name."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from localcloud.clock import RealClock
from localcloud.daemon import plugin
from localcloud.daemon.launch import keeper, keeper_file, record_file, stopping_file
from localcloud.dataplane import holding
from localcloud.dataplane.holding import WorldError
from localcloud.dataplane.world import World

if TYPE_CHECKING:
    from localcloud.home import Home

_LOOKS, _LOOK_EVERY = 200, 0.05


def tear_down(home: Home) -> None:
    """End the cloud's world, if one lives, and remove the records of the live cloud. The store and the configuration stay."""
    if home.run.is_dir() and holding.find(home) is None:
        _wait_for_makers(home)
    if holding.find(home) is not None:
        asyncio.run(_end(home))
    asyncio.run(plugin.end(home))
    for file in (record_file(home), stopping_file(home)):
        file.unlink(missing_ok=True)
    if keeper(home) is None:  # else it does so itself, with its last breath
        keeper_file(home).unlink(missing_ok=True)


def _wait_for_makers(home: Home) -> None:
    """Wait for who makes a world for a daemon that was killed meanwhile: it has the folder's lock, and ends by itself."""
    for _ in range(_LOOKS):
        try:
            os.close(holding.claim(home))
        except WorldError:
            time.sleep(_LOOK_EVERY)
        else:
            return


async def _end(home: Home) -> None:
    world = await World.open(home, RealClock())
    await world.stop()
