"""Verdicts in the store: whose results count, what is remembered, and what is forgotten with the instance."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from localcloud.control.health import Thresholds
from localcloud.control.inventory import Inventory
from localcloud.control.probe_planner import Changes, ProbePlanner
from localcloud.control.verdicts import Verdicts
from localcloud.plans.probe import ProbeResult
from tests.localcloud.control.cloud import Cloud, standard
from tests.localcloud.control.documents import GROUP, HEALING, SERVICE, check


def watched(cloud: Cloud) -> Changes:
    """Everything that there is to be watched."""
    inventory = Inventory(cloud.store)
    inventory.renew()
    return ProbePlanner(cloud.store, inventory).look()


async def condemning(cloud: Cloud) -> tuple[Verdicts, str]:
    """Return verdicts that condemn after one failure, and the autohealing probe of an instance."""
    await cloud.until_stable()
    check(cloud, HEALING, interval=30, timeout=10, healthy=1, unhealthy=1)
    verdicts = Verdicts(cloud.store, cloud.clock)
    everything = watched(cloud)
    verdicts.watch(everything)
    return verdicts, min(
        identifier for identifier in everything.targets if identifier.startswith("autohealing|")
    )


def failure(identifier: str, at: float) -> ProbeResult:
    return ProbeResult(id=identifier, sent_at=at, ended_at=at, outcome="failure", detail="HTTP 503")


def test_results_of_probes_sent_to_an_earlier_incarnation_do_not_count() -> None:
    async def story() -> None:
        cloud = standard()
        async with cloud.running():
            verdicts, identifier = await condemning(cloud)
            target = watched(cloud).targets[identifier]
            verdicts.report(failure(identifier, target.since - 0.001))
            verdicts.report(failure("autohealing|nobody|nothing", cloud.clock.now()))
            assert not [
                event for event in cloud.events("health.autohealing") if event.data["to"] == "UNHEALTHY"
            ]
            verdicts.report(failure(identifier, target.since + 0.001))
            (event,) = [
                event for event in cloud.events("health.autohealing") if event.data["to"] == "UNHEALTHY"
            ]
            assert event.data["first_sent_at"] == target.since + 0.001
            assert cloud.members()[target.spec.instance].health == "UNHEALTHY"

    asyncio.run(story())


@pytest.mark.parametrize("again", ["restarted", "recreated"])
def test_failures_of_an_instances_life_before_do_not_count_in_the_next(again: str) -> None:
    async def story() -> None:
        cloud = standard()
        async with cloud.running():
            verdicts, identifier = await condemning(cloud)
            target = watched(cloud).targets[identifier]
            target = replace(target, thresholds=Thresholds(healthy=1, unhealthy=2), grace_until=0.0)
            verdicts.watch(Changes(targets={identifier: target}))
            verdicts.report(failure(identifier, target.since + 1))
            new_id = target.instance_id if again == "restarted" else "another"
            following = replace(target, instance_id=new_id, since=target.since + 2)
            verdicts.watch(Changes(targets={identifier: following}))
            member = cloud.store.get(target.record)
            assert member is not None
            with cloud.store.transaction() as change:
                change.put(target.record, {**member, "instanceId": new_id})
            seq = cloud.last_seq()
            verdicts.report(failure(identifier, target.since + 3))
            assert not cloud.events("health.autohealing", after=seq)
            verdicts.report(failure(identifier, target.since + 4))
            (event,) = cloud.events("health.autohealing", after=seq)
            assert event.data["first_sent_at"] == target.since + 3

    asyncio.run(story())


def test_before_its_first_verdict_a_backend_counts_as_unhealthy() -> None:
    async def story() -> None:
        cloud = standard()
        cloud.machines.service = 1000.0
        async with cloud.running():
            await cloud.advance(5)
            records = dict(cloud.store.scan(f"control/backends/{SERVICE}/"))
            assert len(records) == 3
            assert {(record["healthState"], record["verdict"]) for record in records.values()} == {
                ("UNHEALTHY", "UNKNOWN")
            }

    asyncio.run(story())


def test_verdicts_go_with_the_instance_and_the_check() -> None:
    async def story() -> None:
        cloud = standard()
        async with cloud.running():
            await cloud.until_stable()
            cloud.patch(GROUP, targetSize=1)
            await cloud.advance(120)
            assert len(dict(cloud.store.scan(f"control/backends/{SERVICE}/"))) == 1
            cloud.patch(SERVICE, healthChecks=[])
            await cloud.advance(5)
            assert not dict(cloud.store.scan(f"control/backends/{SERVICE}/"))
            assert not any(spec.consumer == "balancer" for spec in cloud.fabric.probes.values())

    asyncio.run(story())
