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
from localcloud.dataplane.world import World, clear
from localcloud.guest import confinement

if TYPE_CHECKING:
    from localcloud.home import Home

_LOOKS, _LOOK_EVERY = 200, 0.05


def tear_down(home: Home) -> None:
    """End the cloud's world, if one lives, and remove the records of the live cloud. The store and the configuration stay."""
    if home.run.is_dir() and holding.find(home) is None:
        _remove_records(home)
    if holding.find(home) is not None:
        asyncio.run(_end(home))
    asyncio.run(plugin.end(home))
    confinement.clear(home)
    for file in (record_file(home), stopping_file(home), *home.run.glob("*.new")):
        file.unlink(missing_ok=True)
    if keeper(home) is None:  # else it does so itself, with its last breath
        keeper_file(home).unlink(missing_ok=True)


def _remove_records(home: Home) -> None:
    """Remove what is noted of a world that is gone: the daemon may have been killed while it ended it.

    Or while it had one made: who makes it has the folder's lock, and ends by itself.
    """
    for _ in range(_LOOKS):
        try:
            lock = holding.claim(home)
        except WorldError:
            time.sleep(_LOOK_EVERY)
            continue
        if holding.find(home) is None:
            clear(home)
        os.close(lock)
        return


async def _end(home: Home) -> None:
    world = await World.open(home, RealClock())
    await world.stop()
