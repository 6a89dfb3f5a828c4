"""A simulated network for the controllers: its probers live in virtual time. Repeatable: nothing in it is left to chance.

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
from localcloud.plans.probe import PROBERS, Outcome, ProbeResult, ProbeSpec
from localcloud.plans.probe_schedule import next_start

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.clock import Clock
    from localcloud.control.simulated_machines import SimulatedMachines

_SOURCES = {"autohealing": "130.211.0.1", "balancer": "209.85.152.1"}
_SOURCE_IPV6 = "2600:1901:8001::2"  # the balancer's; autohealing has none
# More successes than are enough: the first may have been sent before the controllers knew of the machine that they are about.
_SPARE = 2
_PHASES = (
    10  # places in its interval where a probe may start: so that large groups' probes are sent many at a time
)

Key = tuple[str, int]  # a probe's id, and the prober's number


class SimulatedFabric:
    """A network and probers. Each prober has its own phase; a probe that cannot change a verdict is not sent."""

    def __init__(self, clock: Clock, machines: SimulatedMachines, probers: int = PROBERS) -> None:
        self._clock, self._machines, self._probers = clock, machines, probers
        self.network = NetworkPlan()
        self.balancer = BalancerPlan()
        self.probes: dict[str, ProbeSpec] = {}
        self._specs: frozenset[ProbeSpec] = frozenset()
        self._interfaces: dict[str, NetworkInterface] = {}
        self._admitted: dict[tuple[object, ...], bool] = {}
        self.sent = 0
        self.apply_failures = 0  # how many of the next calls fail
        self._report: Callable[[ProbeResult], None] = lambda _: None
        self._due: dict[Key, float] = {}  # time of the next probe; of the last, while it sleeps
        self._quiet: dict[Key, int] = {}  # equal successes in a row
        self._sleeping: set[Key] = set()
        self._by_instance: dict[str, set[str]] = {}
        self._queue: list[tuple[float, int, Key, ProbeResult | None]] = []
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
                when, _, key, result = heapq.heappop(self._queue)
                if result is None:
                    self._send(key, when, now)
                elif key[0] in self.probes:
                    self._report(result)
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
            for key in sorted(self._sleeping):
                self._rouse(key)
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
            for key in self._keys(spec.id):
                self._sleeping.discard(key)
                self._due.pop(key)
                self._quiet.pop(key, None)
        for spec in sorted(new, key=lambda each: each.id):
            known = self.probes.get(spec.id)
            self.probes[spec.id] = spec
            self._by_instance.setdefault(spec.instance, set()).add(spec.id)
            for key in self._keys(spec.id):
                if known is None or known.interval != spec.interval:
                    self._sleeping.discard(key)
                    self._quiet[key] = 0
                    self._plan(key, next_start(spec, key[1], self._clock.now(), spec.interval / _PHASES))
                else:
                    self._rouse(key)

    def _keys(self, identifier: str) -> list[Key]:
        return [(identifier, prober) for prober in range(self._probers)]

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

    def _push(self, when: float, key: Key, result: ProbeResult | None) -> None:
        heapq.heappush(self._queue, (when, next(self._order), key, result))
        self._woken.set()

    def _wake(self, instance: str) -> None:
        """Something about this instance changed: its probes matter again."""
        for identifier in sorted(self._by_instance.get(instance, ())):
            for key in self._keys(identifier):
                self._rouse(key)

    def _rouse(self, key: Key) -> None:
        self._quiet[key] = 0
        if key in self._sleeping:
            self._sleeping.discard(key)
            interval, now = self.probes[key[0]].interval, self._clock.now()
            periods = max(0.0, -((self._due[key] - now) // interval))
            self._plan(key, self._due[key] + periods * interval)

    def _plan(self, key: Key, when: float) -> None:
        self._due[key] = when
        self._push(when, key, None)

    def _send(self, key: Key, when: float, now: float) -> None:
        spec = self.probes.get(key[0])
        if spec is None or when != self._due[key] or key in self._sleeping:
            return  # it was taken back, or is a leftover of an earlier life
        self.sent += 1
        outcome, ended_at, detail = self._answer(spec, now)
        result = ProbeResult(
            id=spec.id, sent_at=now, ended_at=ended_at, outcome=outcome, detail=detail,
            prober=key[1], probers=self._probers,
        )  # fmt: skip
        if ended_at <= now:
            self._report(result)
        else:
            self._push(ended_at, key, result)
        self._quiet[key] = self._quiet.get(key, 0) + 1 if outcome == "success" else 0
        if self._quiet[key] >= spec.enough + _SPARE:
            self._sleeping.add(key)
        else:
            self._plan(key, now + spec.interval)

    def _admits(self, instance: str, source: str, port: int) -> bool:
        """Ask the firewall; it answers the same for all interfaces that it cannot tell apart."""
        interface = self._interfaces.get(instance)
        if interface is None:
            return False
        key = (interface.network, interface.tags, interface.service_account, source, port)
        if (known := self._admitted.get(key)) is None:
            known = self._admitted[key] = admits(self.network, interface, source, "tcp", port)
        return known

    def _answer(self, spec: ProbeSpec, now: float) -> tuple[Outcome, float, str]:
        """Return what becomes of a probe that is sent now: the outcome, when it is known, and why."""
        guest = self._machines.by_name(spec.instance)
        timeout: tuple[Outcome, float, str] = ("timeout", now + spec.timeout, "timeout")
        if guest is None or guest.state != "running" or guest.spec.interface.address != spec.instance_address:
            return timeout
        sixth = ":" in spec.address
        source = _SOURCE_IPV6 if sixth else _SOURCES[spec.consumer]
        if not self._admits(guest.spec.interface.instance, source, spec.port):
            return timeout
        answered = f"{spec.address}/96" if sixth else spec.address  # an IPv6 rule's range
        if answered != guest.spec.interface.address and answered not in guest.addresses:
            return timeout
        answers = max(now, guest.hung_until)
        if answers - now > spec.timeout:
            return timeout
        if answers < guest.ready_at:
            return "failure", answers, "connection refused"
        if answers < guest.broken_until:
            return "failure", answers, "HTTP 503"
        return "success", answers, "HTTP 200"
