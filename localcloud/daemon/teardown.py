"""Taking down what a cloud made, when its daemon is gone or has let go of it. By ownership: only what the cloud's records name."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from localcloud.daemon.launch import record_file
from localcloud.dataplane.world import World

if TYPE_CHECKING:
    from localcloud.home import Home


def tear_down(home: Home) -> None:
    """End the cloud's world, if one lives, and remove the records of the live cloud. The store and the configuration stay."""
    asyncio.run(World.destroy(home))
    record_file(home).unlink(missing_ok=True)
