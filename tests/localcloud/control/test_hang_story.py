"""The point of the project: a stall that the balancer must notice and autohealing must not, and what equal checks make of it."""

from __future__ import annotations

import asyncio
import itertools

from tests.localcloud.control.cloud import Cloud, standard
from tests.localcloud.control.documents import HEALING, check, network


async def hang(cloud: Cloud, seconds: float) -> str:
    await cloud.until_stable()
    await cloud.advance(200)
    victim = min(cloud.instances())
    await cloud.machines.hang(cloud.instances()[victim]["id"], seconds)
    return victim


def test_a_stall_empties_the_instance_and_does_not_recreate_it() -> None:
    async def story() -> None:
        async with standard().running() as cloud:
            victim = await hang(cloud, 60)
            before, mark = cloud.instances()[victim]["id"], cloud.last_seq()
            await cloud.advance(30)
            assert victim not in cloud.eligible()
            await cloud.advance(60)
            assert victim in cloud.eligible()
            await cloud.advance(600)
            assert [
                event.kind
                for event in cloud.events("", mark)
                if event.kind.startswith(("autohealing", "instance"))
            ] == []
            assert cloud.instances()[victim]["id"] == before

    asyncio.run(story())


def test_with_equal_checks_the_same_stall_recreates_it() -> None:
    async def story() -> None:
        cloud = standard()
        check(cloud, HEALING)
        async with cloud.running():
            victim = await hang(cloud, 60)
            before = cloud.instances()[victim]["id"]
            recreated = await cloud.until("autohealing.recreate", within=30)
            assert recreated.subject == victim
            await cloud.until_stable()
            assert cloud.instances()[victim]["id"] != before

    asyncio.run(story())


def test_when_all_stall_traffic_goes_to_all_as_a_last_resort() -> None:
    async def story() -> None:
        async with standard().running() as cloud:
            await cloud.until_stable()
            await cloud.advance(60)
            for document in cloud.instances().values():
                await cloud.machines.hang(document["id"], 60)
            await cloud.advance(40)
            assert cloud.eligible() == set(cloud.instances())
            assert len(cloud.events("balancer.last_resort")) >= 1
            assert not cloud.events("autohealing.recreate")

    asyncio.run(story())


def test_without_the_firewall_rule_no_probe_arrives_and_healing_goes_in_circles_ever_slower() -> None:
    async def story() -> None:
        cloud = standard()
        with cloud.store.transaction() as change:
            change.delete("compute/projects/p/global/firewalls/web-hc")
        async with cloud.running():
            await cloud.advance(8000)
            assert not cloud.group()["status"]["isStable"]
            name = min(cloud.members())
            times = [event.at for event in cloud.events("autohealing.recreate") if event.subject == name]
            gaps = [late - early for early, late in itertools.pairwise(times)]
            # The check's own pace is the delay of 120 s and five failures 30 s apart; back-off stretches it.
            assert len(times) >= 4
            assert min(gaps) >= 120 + 4 * 30
            assert gaps[-1] > gaps[0] + 100
            assert all(event.data["health"] == "TIMEOUT" for event in cloud.events("autohealing.recreate"))
            network(cloud)
            await cloud.advance(3000)
            assert cloud.group()["status"]["isStable"]

    asyncio.run(story())


def test_the_initial_delay_is_waited_for_and_ends_early() -> None:
    """InitialDelaySec 120, five failures 30 s apart: recreated after delay + (k-1)I+T at the earliest."""

    async def story() -> None:
        cloud = standard(size=1)
        cloud.machines.service = 100_000.0
        async with cloud.running():
            running = await cloud.until("instance.running", within=10)
            recreated = await cloud.until("autohealing.recreate", within=400)
            assert 120 + 4 * 30 <= recreated.at - running.at <= 120 + 5 * 30
            assert recreated.data["health"] == "UNHEALTHY"
            assert recreated.data["running_at"] == running.at

    asyncio.run(story())
