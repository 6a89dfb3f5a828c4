"""What the machine does not allow is told once when it begins, and once when it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from localcloud.clock import VirtualClock
from localcloud.daemon.fabric import ToldFabric
from localcloud.plans.balancer import BalancerPlan
from localcloud.plans.network import NetworkPlan
from localcloud.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from localcloud.plans.probe import ProbeResult, ProbeSpec

RULE = "projects/local/regions/r/forwardingRules/web"
SUBNETWORK = "projects/local/regions/r/subnetworks/six"


class Troubled:
    """A data plane with the troubles it is given; notes the plans it got."""

    def __init__(self) -> None:
        self.trouble: dict[str, str] = {}
        self.plans: list[object] = []

    def problems(self) -> Mapping[str, str]:
        return self.trouble

    async def apply_network(self, plan: NetworkPlan) -> None:
        self.plans.append(plan)

    async def apply_balancer(self, plan: BalancerPlan) -> None:
        self.plans.append(plan)

    async def apply_probes(self, probes: frozenset[ProbeSpec], report: Callable[[ProbeResult], None]) -> None:
        self.plans.append((probes, report))


def test_a_problem_is_told_when_it_begins_and_when_it_ends() -> None:
    async def story() -> list[tuple[str, str, str]]:
        below, store = Troubled(), Store()
        fabric = ToldFabric(below, store, VirtualClock())
        await fabric.apply_network(NetworkPlan())
        await fabric.apply_balancer(BalancerPlan())
        below.trouble = {RULE: "port 80: permission denied"}
        await fabric.apply_balancer(BalancerPlan())
        below.trouble = {**below.trouble, SUBNETWORK: "no IPv6"}
        await fabric.apply_balancer(BalancerPlan())
        below.trouble = {}
        await fabric.apply_balancer(BalancerPlan())
        assert below.plans == [NetworkPlan(), *[BalancerPlan()] * 4], "every plan is passed on"
        return [(event.kind, event.subject, event.message) for event in store.events()]

    assert asyncio.run(story()) == [
        ("balancer.problem", "web", "port 80: permission denied"),
        ("network.problem", "six", "no IPv6"),
        ("balancer.problem", "web", "is served as planned now"),
        ("network.problem", "six", "is served as planned now"),
    ]
