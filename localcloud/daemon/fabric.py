"""The data plane as the controllers get it: what this machine does not allow is told as an event, not only logged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from localcloud.plans.world import Fabric
from localcloud.store import Event, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from localcloud.clock import Clock
    from localcloud.plans.balancer import BalancerPlan
    from localcloud.plans.network import NetworkPlan
    from localcloud.plans.probe import ProbeResult, ProbeSpec


class HonestFabric(Fabric, Protocol):
    """A data plane that says what it cannot serve as planned."""

    def problems(self) -> Mapping[str, str]:
        """Return, by forwarding rule, subnetwork or fault, what is not as planned and why."""
        ...


class ToldFabric:
    """Passes every plan on, and tells when a forwarding rule, a subnetwork or a fault begins or ceases to be a problem."""

    def __init__(self, fabric: HonestFabric, store: Store, clock: Clock) -> None:
        self._fabric, self._store, self._clock = fabric, store, clock
        self._known: dict[str, str] = {}

    async def apply_network(self, plan: NetworkPlan) -> None:
        """See `Fabric.apply_network`."""
        await self._fabric.apply_network(plan)
        self._tell()

    async def apply_probes(self, probes: frozenset[ProbeSpec], report: Callable[[ProbeResult], None]) -> None:
        """See `Fabric.apply_probes`."""
        await self._fabric.apply_probes(probes, report)

    async def apply_balancer(self, plan: BalancerPlan) -> None:
        """See `Fabric.apply_balancer`."""
        await self._fabric.apply_balancer(plan)
        self._tell()

    def _tell(self) -> None:
        problems = dict(self._fabric.problems())
        if problems == self._known:
            return
        now = self._clock.now()
        with self._store.transaction() as change:
            for rule in sorted(problems.keys() | self._known.keys()):
                if problems.get(rule) != self._known.get(rule):
                    change.event(_event(rule, problems.get(rule, ""), now))
        self._known = problems


def _event(subject: str, words: str, now: float) -> Event:
    if "/subnetworks/" in subject:
        text = words or "is served as planned now"
        return Event(now, "network.problem", subject.rpartition("/")[2], text, {"subnetwork": subject})
    if "/" in subject:
        text = words or "is served as planned now"
        return Event(now, "balancer.problem", subject.rpartition("/")[2], text, {"forwardingRule": subject})
    return Event(now, "fault.problem", subject, words or "is no problem any more", {"fault": subject})
