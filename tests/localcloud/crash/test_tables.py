"""A daemon that dies anywhere in a change of a large balancer table: packets go by the old one or by the new one, and nothing is left."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from localcloud.clock import RealClock
from localcloud.dataplane.world import World
from tests.localcloud.dataplane.cloud import CLOUD_SPEED, Cloud, running_cloud

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localcloud.dataplane.helpers import Worker

pytestmark = pytest.mark.kernel
_ASKED = (
    12  # times; by half a table, one of them would go elsewhere, or nowhere, in all but one case of thousands
)


class DiedError(Exception):
    """What ends a change in the place of the daemon's death."""


class Mortal:
    """Stands before a worker: has its daemon die before the request of this number; `half`: when half of that is carried out."""

    def __init__(self, worker: Worker, number: int, *, half: bool = False) -> None:
        self._call, self._left, self._half = worker.call, number, half
        self.asked: list[dict[str, Any]] = []
        worker.call = self.call  # type: ignore[method-assign]  # the next daemon's is another

    async def call(
        self, message: dict[str, Any], descriptors: Sequence[int] = ()
    ) -> tuple[dict[str, Any], list[int]]:
        """Pass it on, or die."""
        if self._left == 0:
            if self._half and "slots" in message:
                slots = base64.b64decode(message["slots"])
                await self._call(
                    {**message, "slots": base64.b64encode(slots[: len(slots) // 4 * 2]).decode()}
                )
            raise DiedError
        self._left -= 1
        self.asked.append(message)
        return await self._call(message, descriptors)


async def _answering(cloud: Cloud) -> set[str]:
    """Return who answers new connections."""
    return {(await cloud.ask())["name"] for _ in range(_ASKED)}


async def _kernel(cloud: Cloud) -> tuple[object, ...]:
    """Return how much of everything the kernel has: names are new each time."""
    worker = cloud.world._rules_worker
    tables = sorted(await worker.nft_tables("ip"))
    objects = [await worker.nft_objects(table) for table in tables]
    rules = await worker.ip_show("rule", "show")
    return tables, [Counter(each.partition(" ")[0] for each in some) for some in objects], len(rules)


async def _only(cloud: Cloud, name: str) -> None:
    """Have the forwarding rule lead to this machine alone: another table, and another machine to be found by its mark."""
    (backend,) = (each for each in cloud.service(name).backends if each.instance == name)
    await cloud.balance(name, backends=(backend,))


async def _next_daemon(cloud: Cloud) -> None:
    await cloud.world.close()
    cloud.world = await World.open(cloud.world.home, RealClock(CLOUD_SPEED), probers=1)
    assert cloud.world.adopted
    await cloud.apply_network()


async def _dies(cloud: Cloud, number: int, *, half: bool = False) -> set[str]:
    """Have the daemon die before this request of a change from a to b; returns who answers then, and until the next daemon's change."""
    await _only(cloud, "a")
    Mortal(cloud.world._rules_worker, number, half=half)
    with pytest.raises(DiedError):
        await _only(cloud, "b")
    dead = await _answering(cloud)
    await _next_daemon(cloud)
    assert await _answering(cloud) == dead, "the next daemon changes nothing by starting"
    return dead


def test_a_death_anywhere_in_a_change_of_tables_leaves_one_whole_table_in_force() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b")
            await _only(cloud, "a")
            counted = Mortal(cloud.world._rules_worker, 1_000)
            await _only(cloud, "b")
            assert await _answering(cloud) == {"b"}
            steps = list(counted.asked)
            assert len(steps) > 2, "a way is made, a table filled, and then both put into force"
            undisturbed = await _kernel(cloud)
            seen = []
            for number, step in enumerate(steps):
                for half in (False, True)[: 1 + ("slots" in step)]:
                    seen.append(await _dies(cloud, number, half=half))
                    await _only(cloud, "b")
                    assert await _answering(cloud) == {"b"}
                    assert await _kernel(cloud) == undisturbed, f"left over by a death before {step['do']}"
            assert seen[0] == {"a"}
            assert seen == sorted(seen, key=lambda each: each == {"b"}), (
                "once the new table is in force, it stays"
            )
            assert seen[-1] == {"b"}, "what is not needed any more goes last"
            assert all(each in ({"a"}, {"b"}) for each in seen)

    asyncio.run(scenario())
