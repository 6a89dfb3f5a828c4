"""What is remembered of attempts that failed, and of repairs: each more in vain waits longer, and what works is forgiven."""

from __future__ import annotations

import asyncio

import pytest

from tests.localcloud.control.cloud import Cloud, standard
from tests.localcloud.control.documents import network


def test_an_instance_that_cannot_be_made_is_tried_again_after_ever_longer_waits_and_forgiven() -> None:
    async def story() -> None:
        cloud = standard(size=5)
        network(cloud, cidr="10.128.0.0/29")  # has room for four
        async with cloud.running():
            await cloud.advance(80)
            failed = list(cloud.events("instance.failed"))
            waits = [event.data["retry_at"] - event.at for event in failed]
            assert waits == pytest.approx([5, 10, 20, 40, 80])
            (late,) = {event.subject for event in failed}
            assert cloud.members()[late].attempts == 5
            network(cloud)
            await cloud.until_stable()
            member = cloud.members()[late]
            assert (member.attempts, member.retry_at, member.last_attempt) == (0, 0.0, {})

    asyncio.run(story())


async def stopped(cloud: Cloud, name: str) -> int:
    """Stop an instance; return how many repairs its group then counts."""
    cloud.machines.power_off(cloud.members()[name].instance_id)
    repaired = await cloud.until("instance.repair", within=100, after=cloud.last_seq())
    await cloud.until_stable()
    assert repaired.subject == name
    return int(repaired.data["repairs"])


@pytest.mark.parametrize("checked", [True, False])
def test_a_repaired_instance_is_forgiven_once_it_is_healthy_or_unchecked_when_it_ran_for_long(
    *, checked: bool
) -> None:
    async def story() -> None:
        cloud = standard() if checked else standard(autoHealingPolicies=[])
        async with cloud.running():
            await cloud.until_stable()
            await cloud.advance(700)
            name = min(cloud.instances())
            assert await stopped(cloud, name) == 1
            assert cloud.members()[name].repairs == (0 if checked else 1)
            assert await stopped(cloud, name) == (1 if checked else 2)
            await cloud.advance(700)
            assert await stopped(cloud, name) == 1

    asyncio.run(story())
