"""A simulated network for the controllers: its probers live in virtual time, repeatable from a seed.

The controllers are the real ones; only what they drive is simulated, behind the same protocols (`Machines`, `Fabric`). Probes obey the
network plan's firewall rules and the health of simulated guests; nothing here reads a wall clock.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import TYPE_CHECKING

from localcloud.control.alarm import Alarm
from localcloud.control.simulated_firewall import admits
from localcloud.plans.balancer import BalancerPlan
from localcloud.plans.network import NetworkInterface, NetworkPlan
from localcloud.plans.probe import ProbeResult, ProbeSpec

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from localcloud.clock import Clock
    from localcloud.control.simulated_machines import SimulatedMachines

_SOURCES = {"autohealing": "130.211.0.1", "balancer": "209.85.152.1"}
# Health checks have thresholds of at most 10: after more equal successes another one changes nothing, and needs not be sent.
_ENOUGH = 12
_TICK = 0.25


class SimulatedFabric:
    """A network and probers. Each probe keeps its own phase; one that cannot change a verdict is not sent."""

    def __init__(self, clock: Clock, machines: SimulatedMachines, rng: random.Random) -> None:
        self._clock, self._machines, self._rng = clock, machines, rng
        self.network = NetworkPlan()
        self.balancer = BalancerPlan()
        self.probes: dict[str, ProbeSpec] = {}
        self._specs: frozenset[ProbeSpec] = frozenset()
        self._interfaces: dict[str, NetworkInterface] = {}
        self._admitted: dict[tuple[object, ...], bool] = {}
        self.sent = 0
        self.apply_failures = 0  # how many of the next calls fail
        self._report: Callable[[ProbeResult], None] = lambda _: None
        self._due: dict[str, float] = {}  # time of the next probe; of the last, while it sleeps
        self._quiet: dict[str, int] = {}  # equal successes in a row
        self._sleeping: set[str] = set()
        self._by_instance: dict[str, set[str]] = {}
        self._queue: list[tuple[float, int, str, ProbeResult | None]] = []
        self._order = itertools.count()
        self._woken = asyncio.Event()
        self._alarm = Alarm(clock, self._woken)
        machines.changed = self._wake

    async def run(self) -> None:
        """Send probes until cancelled; a prober keeps nothing."""
        try:
            await self._probe()
        finally:
            self._alarm.stop()
            self._report, self._specs = lambda _: None, frozenset()
            for kept in (
                self.probes,
                self._due,
                self._quiet,
                self._sleeping,
                self._by_instance,
                self._queue,
            ):
                kept.clear()

    async def _probe(self) -> None:
        while True:
            self._woken.clear()
            now = self._clock.now()
            while self._queue and self._queue[0][0] <= now:
                when, _, identifier, result = heapq.heappop(self._queue)
                if result is None:
                    self._send(identifier, when, now)
                elif identifier in self.probes:
                    self._deliver(result)
            self._alarm.set(self._queue[0][0] if self._queue else None)
            await self._woken.wait()

    async def apply_network(self, plan: NetworkPlan) -> None:
        """Put this network in force."""
        self._maybe_fail("network")
        before, self._interfaces = self._interfaces, {each.instance: each for each in plan.interfaces}
        others = plan.firewall != self.network.firewall
        self.network = plan
        if others:
            self._admitted.clear()
            for identifier in sorted(self._sleeping):
                self._rouse(identifier)
            return
        for name, interface in self._interfaces.items():
            if before.get(name) is not interface:
                self._wake(name)

    async def apply_balancer(self, plan: BalancerPlan) -> None:
        """Put this balancer in force."""
        self._maybe_fail("balancer")
        self.balancer = plan

    async def apply_probes(self, probes: frozenset[ProbeSpec], report: Callable[[ProbeResult], None]) -> None:
        """Probe exactly these."""
        self._maybe_fail("probes")
        self._report = report
        new, old = probes - self._specs, self._specs - probes
        self._specs = probes
        staying = {spec.id for spec in new}
        for spec in old:
            if spec.id in staying:
                continue
            self._by_instance[self.probes.pop(spec.id).instance].discard(spec.id)
            self._sleeping.discard(spec.id)
            self._due.pop(spec.id)
            self._quiet.pop(spec.id, None)
        for spec in sorted(new, key=lambda each: each.id):
            known = self.probes.get(spec.id)
            self.probes[spec.id] = spec
            self._by_instance.setdefault(spec.instance, set()).add(spec.id)
            if known is None:
                self._plan(spec.id, self._first(spec))
            else:
                self._rouse(spec.id)

    def _first(self, spec: ProbeSpec) -> float:
        """Draw a probe's phase: a multiple of the tick, so that large groups' probes are sent many at a time."""
        ticks = self._rng.randrange(max(1, round(spec.interval / _TICK)))
        return (self._clock.now() // _TICK + 1 + ticks) * _TICK

    def eligible(self) -> dict[str, tuple[str, ...]]:
        """Return for each forwarding rule the instances that get new connections."""
        return {
            service.key: tuple(backend.instance for backend in service.backends if backend.eligible)
            for service in self.balancer.services
        }

    def _maybe_fail(self, what: str) -> None:
        if self.apply_failures > 0:
            self.apply_failures -= 1
            msg = f"the {what} plan was refused (simulated)"
            raise OSError(msg)

    def _push(self, when: float, identifier: str, result: ProbeResult | None) -> None:
        heapq.heappush(self._queue, (when, next(self._order), identifier, result))
        self._woken.set()

    def _wake(self, instance: str) -> None:
        """Something about this instance changed: its probes matter again."""
        for identifier in sorted(self._by_instance.get(instance, ())):
            self._quiet[identifier] = 0
            self._rouse(identifier)

    def _rouse(self, identifier: str) -> None:
        self._quiet[identifier] = 0
        if identifier in self._sleeping:
            self._sleeping.discard(identifier)
            interval, now = self.probes[identifier].interval, self._clock.now()
            periods = max(0.0, -((self._due[identifier] - now) // interval))
            self._plan(identifier, self._due[identifier] + periods * interval)

    def _plan(self, identifier: str, when: float) -> None:
        self._due[identifier] = when
        self._push(when, identifier, None)

    def _send(self, identifier: str, when: float, now: float) -> None:
        spec = self.probes.get(identifier)
        if spec is None or when != self._due[identifier] or identifier in self._sleeping:
            return  # it was taken back, or is a leftover of an earlier life
        self.sent += 1
        result = self._answer(spec, now)
        if result.ended_at <= now:
            self._deliver(result)
        else:
            self._push(result.ended_at, identifier, result)
        self._quiet[identifier] = self._quiet.get(identifier, 0) + 1 if result.outcome == "success" else 0
        if self._quiet[identifier] >= _ENOUGH:
            self._sleeping.add(identifier)
        else:
            self._plan(identifier, now + spec.interval)

    def _admits(self, instance: str, source: str, port: int) -> bool:
        """Ask the firewall; it answers the same for all interfaces that it cannot tell apart."""
        interface = self._interfaces.get(instance)
        if interface is None:
            return False
        key = (interface.network, interface.tags, interface.service_account, source, port)
        if (known := self._admitted.get(key)) is None:
            known = self._admitted[key] = admits(self.network, interface, source, "tcp", port)
        return known

    def _deliver(self, result: ProbeResult) -> None:
        self._report(result)

    def _answer(self, spec: ProbeSpec, now: float) -> ProbeResult:
        guest = self._machines.by_name(spec.instance)
        timeout = ProbeResult(
            id=spec.id, sent_at=now, ended_at=now + spec.timeout, outcome="timeout", detail="timeout"
        )
        if guest is None or guest.state != "running" or guest.spec.interface.address != spec.instance_address:
            return timeout
        if not self._admits(guest.spec.interface.instance, _SOURCES[spec.consumer], spec.port):
            return timeout
        if spec.address != guest.spec.interface.address and spec.address not in guest.addresses:
            return timeout
        answers = max(now, guest.hung_until)
        if answers - now > spec.timeout:
            return timeout
        if answers < guest.ready_at:
            return ProbeResult(
                id=spec.id, sent_at=now, ended_at=answers, outcome="failure", detail="connection refused"
            )
        if answers < guest.broken_until:
            return ProbeResult(
                id=spec.id, sent_at=now, ended_at=answers, outcome="failure", detail="HTTP 503"
            )
        return ProbeResult(id=spec.id, sent_at=now, ended_at=answers, outcome="success", detail="HTTP 200")
