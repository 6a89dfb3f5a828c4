"""What a change costs the control loop grows with what changed, not with what there is."""

from __future__ import annotations

import asyncio

from tests.localcloud.control.cloud import Cloud, standard
from tests.localcloud.control.work_done import counting

QUARTER_OF_AN_HOUR = 900


async def instructions(cloud: Cloud, crashed: list[str]) -> int:
    """Return what a quarter of an hour takes in which these machines are found dead, recreated and taken in again."""
    with counting() as work:
        for victim in crashed:
            await cloud.machines.crash(victim)
        await cloud.advance(QUARTER_OF_AN_HOUR)
    assert cloud.group()["status"]["isStable"]
    assert len(cloud.eligible()) == len(cloud.instances())
    return work.instructions


def cost(size: int, crashed: int) -> int:
    """Return what the repair of so many instances takes in a group of that size, beyond what the same time takes without."""

    async def story() -> int:
        cloud = standard(size=size)
        async with cloud.running():
            await cloud.until_stable()
            await cloud.advance(1000)  # every probe has said what it had to say
            first, *others = sorted(document["id"] for document in cloud.instances().values())
            await cloud.machines.crash(first)
            await cloud.advance(1000)  # and what was measured meanwhile has been looked at
            idle = await instructions(cloud, [])
            busy = await instructions(cloud, others[:crashed])
            assert len(cloud.events("autohealing.recreate")) == crashed + 1
            return busy - idle

    return asyncio.run(story())


def test_a_repair_costs_the_same_in_a_large_group_as_in_a_small_one() -> None:
    small, large = cost(40, 3), cost(160, 3)
    assert small > 0
    assert (
        large < 1.25 * small
    )  # four times as many instances; the safety net looks at each of them once in ten minutes


def test_repairs_cost_in_proportion_to_their_number() -> None:
    few, many = cost(60, 3), cost(60, 12)
    assert many < 1.5 * 4 * few
