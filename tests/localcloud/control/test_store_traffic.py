"""What one change has read, listed, written and handed to the data plane is the same in a large group as in a small one."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from localcloud.control.simulation import SimulatedFabric
from tests.localcloud.control.cloud import Cloud, standard
from tests.localcloud.control.documents import AUTOSCALER, GROUP, autoscaler
from tests.localcloud.control.reading_store import ReadingStore, Traffic

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.plans.balancer import BalancerPlan
    from localcloud.plans.network import NetworkPlan
    from localcloud.plans.probe import ProbeResult, ProbeSpec

WARM_UP = 1200.0  # seconds: every probe has said what it had to say, and all of it has been looked at
WHILE = 300.0  # seconds: what follows from a change is over


class CountingFabric(SimulatedFabric):
    """Counts plans."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud.clock, cloud.machines)
        self.plans: Counter[str] = Counter()

    async def apply_network(self, plan: NetworkPlan) -> None:
        """Count it."""
        self.plans["network"] += 1
        await super().apply_network(plan)

    async def apply_balancer(self, plan: BalancerPlan) -> None:
        """Count it."""
        self.plans["balancer"] += 1
        await super().apply_balancer(plan)

    async def apply_probes(self, probes: frozenset[ProbeSpec], report: Callable[[ProbeResult], None]) -> None:
        """Count it."""
        self.plans["probes"] += 1
        await super().apply_probes(probes, report)


@dataclass(frozen=True)
class Cost:
    """What a change took."""

    traffic: Traffic
    plans: Counter[str]


def one(cloud: Cloud) -> str:
    """Return the id of one of the machines; the sixth comes before any that is added."""
    return sorted(cloud.machines.guests)[5]


def falls_ill_and_recovers(cloud: Cloud) -> None:
    cloud.machines.break_service(one(cloud), 20)  # the balancer's check says so; autohealing's does not


def gets_a_label(cloud: Cloud) -> None:
    key = cloud.machines.guests[one(cloud)].spec.name
    member = cloud.members()[key]
    document = cloud.store.get(member.instance)
    assert document is not None
    with cloud.store.transaction() as change:
        labels = {"seen": str(cloud.clock.now())}
        change.put(member.instance, {**document, "labels": labels})


def group_grows(cloud: Cloud) -> None:
    cloud.patch(GROUP, targetSize=cloud.group()["targetSize"] + 1)


def autoscaler_has_another_maximum(cloud: Cloud) -> None:
    document = cloud.get(AUTOSCALER)
    policy = document["autoscalingPolicy"]
    cloud.patch(AUTOSCALER, autoscalingPolicy={**policy, "maxNumReplicas": policy["maxNumReplicas"] + 1})


def an_instance_works_harder(cloud: Cloud) -> None:
    guest = cloud.machines.guests[one(cloud)]
    cloud.machines.burn(one(cloud), guest.cpu_rate + 0.1)


AUTOSCALED = (autoscaler_has_another_maximum, an_instance_works_harder)
CHANGES = (falls_ill_and_recovers, gets_a_label, group_grows, *AUTOSCALED)


def cost(size: int, change: Callable[[Cloud], None]) -> Cost:
    """Return what a change takes in a group of that size, when it has been made once before."""

    async def story() -> Cost:
        store = ReadingStore()
        cloud = standard(size=size, store=store)
        cloud.fabric = fabric = CountingFabric(cloud)
        if change in AUTOSCALED:
            autoscaler(cloud, minimum=size, maximum=size, mode="OFF")
        async with cloud.running():
            begun = cloud.clock.now()
            await cloud.until_stable()
            await cloud.advance(begun + WARM_UP - cloud.clock.now())
            change(cloud)
            await cloud.advance(WARM_UP)
            before, plans = store.traffic, Counter(fabric.plans)
            change(cloud)
            looked = store.traffic - before  # what the test itself read
            await cloud.advance(WHILE)
            traffic = store.traffic - before
            return Cost(
                Traffic(traffic.read - looked.read, traffic.listed - looked.listed, traffic.written),
                fabric.plans - plans,
            )

    return asyncio.run(story())


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__)
def test_a_change_costs_the_same_among_a_hundred_as_among_ten(change: Callable[[Cloud], None]) -> None:
    few = cost(10, change)
    assert few.traffic.written > 0
    assert cost(100, change) == few


@pytest.mark.campaign
@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__)
def test_a_change_costs_the_same_among_a_thousand_as_among_ten(change: Callable[[Cloud], None]) -> None:
    assert cost(1000, change) == cost(10, change)
