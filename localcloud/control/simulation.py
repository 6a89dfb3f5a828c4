"""A simulated world for the controllers: machines and probers that live in virtual time, repeatable from a seed.

The controllers are the real ones; only what they drive is simulated, behind the same protocols (`Machines`, `Fabric`). Probes obey the
network plan's firewall rules and the health of simulated guests; nothing here reads a wall clock.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Literal

from localcloud.plans.balancer import BalancerPlan
from localcloud.plans.machine import MachineSpec, MachineView
from localcloud.plans.network import FirewallRule, NetworkPlan
from localcloud.plans.probe import ProbeResult, ProbeSpec

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from localcloud.clock import Clock

_SOURCES = {"autohealing": "130.211.0.1", "balancer": "209.85.152.1"}
# Health checks have thresholds of at most 10: after more equal successes another one changes nothing, and needs not be sent.
_ENOUGH = 12


@dataclass
class Guest:
    """A simulated machine. Its service answers from `ready_at`, except while hung, broken (answers wrongly) or crashed."""

    spec: MachineSpec
    booted_at: float
    ready_at: float
    state: Literal["starting", "running", "exited", "crashed"] = "starting"
    hung_until: float = 0.0
    broken_until: float = 0.0
    cpu_seconds: float = 0.0
    cpu_rate: float = 0.0
    cpu_as_of: float = 0.0
    addresses: tuple[str, ...] = ()


class SimulatedMachines:
    """Machines that take a while to boot and to stop. `boot`, `service` and `shutdown` are mean times in cloud seconds, drawn +-50 %."""

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        *,
        boot: float = 2.0,
        service: float = 5.0,
        shutdown: float = 1.0,
    ) -> None:
        self._clock, self._rng = clock, rng
        self.boot, self.service, self.shutdown = boot, service, shutdown
        self.guests: dict[str, Guest] = {}
        self.started = 0
        self.changed: Callable[[str], None] = lambda _: (
            None
        )  # told the instance's name, for whoever probes it
        self._watcher: Callable[[str], None] = lambda _: None
        self.start_failures = 0  # how many of the next starts fail

    async def start(self, spec: MachineSpec) -> None:
        """Boot; returns when the init runs."""
        guest = self.guests.get(spec.id)
        if guest is not None and guest.state == "running":
            return
        if self.start_failures > 0:
            self.start_failures -= 1
            msg = f"{spec.name}: the host has no room (simulated)"
            raise OSError(msg)
        now = self._clock.now()
        takes = self.boot * self._rng.uniform(0.5, 1.5)
        ready = now + takes + self.service * self._rng.uniform(0.5, 1.5)
        self.guests[spec.id] = Guest(
            spec=spec,
            booted_at=now + takes,
            ready_at=ready,
            addresses=spec.forwarded_addresses,
            cpu_as_of=now,
        )
        await self._clock.sleep(takes)
        if (guest := self.guests.get(spec.id)) is not None:
            guest.state = "running"
            self.started += 1
            self.changed(spec.name)

    async def stop(self, machine_id: str, *, grace: float) -> None:
        """Shut down: a hung guest uses up all of its grace."""
        guest = self.guests.get(machine_id)
        if guest is None:
            return
        if guest.state == "running":
            takes = self.shutdown * self._rng.uniform(0.5, 1.5)
            await self._clock.sleep(min(grace, max(takes, guest.hung_until - self._clock.now())))
        self.guests.pop(machine_id, None)
        self.changed(guest.spec.name)

    async def forget(self, machine_id: str) -> None:
        """There is no folder."""

    def observe(self) -> Mapping[str, MachineView]:
        """Return every machine that exists."""
        now = self._clock.now()
        for guest in self.guests.values():
            self._account(guest, now)
        return {
            machine_id: MachineView(
                id=machine_id,
                state=guest.state,
                booted_at=guest.booted_at,
                pid=0,
                cpu_seconds=guest.cpu_seconds,
            )
            for machine_id, guest in self.guests.items()
        }

    async def forwarded(self, machine_id: str, addresses: tuple[str, ...]) -> None:
        """Answer to these addresses."""
        if (guest := self.guests.get(machine_id)) is not None:
            guest.addresses = addresses
            self.changed(guest.spec.name)

    async def crash(self, machine_id: str) -> None:
        """Fall silent, and stay."""
        guest = self.guests[machine_id]
        guest.state = "crashed"
        self.changed(guest.spec.name)
        self._watcher(machine_id)

    async def hang(self, machine_id: str, seconds: float) -> None:
        """Answer nothing for so long."""
        guest = self.guests[machine_id]
        guest.hung_until = self._clock.now() + seconds
        self.changed(guest.spec.name)

    def break_service(self, machine_id: str, seconds: float) -> None:
        """Answer wrongly for so long."""
        guest = self.guests[machine_id]
        guest.broken_until = self._clock.now() + seconds
        self.changed(guest.spec.name)

    def power_off(self, machine_id: str) -> None:
        """The guest shuts itself down."""
        self.guests[machine_id].state = "exited"
        self.changed(self.guests[machine_id].spec.name)
        self._watcher(machine_id)

    def lose_all(self) -> None:
        """The host goes down: every machine is gone at once."""
        lost, self.guests = self.guests, {}
        for machine_id, guest in lost.items():
            self.changed(guest.spec.name)
            self._watcher(machine_id)

    def watch(self, changed: Callable[[str], None]) -> None:
        """Tell of exits, crashes and losses."""
        self._watcher = changed

    def burn(self, machine_id: str, vcpus: float) -> None:
        """Use this many vCPUs from now on."""
        guest = self.guests[machine_id]
        self._account(guest, self._clock.now())
        guest.cpu_rate = vcpus

    def by_name(self, name: str) -> Guest | None:
        """Return the machine of an instance."""
        return next((guest for guest in self.guests.values() if guest.spec.name == name), None)

    def _account(self, guest: Guest, now: float) -> None:
        if guest.state == "running":
            guest.cpu_seconds += guest.cpu_rate * (now - guest.cpu_as_of)
        guest.cpu_as_of = now


class SimulatedFabric:
    """A network and probers. Each probe keeps its own phase; one that cannot change a verdict is not sent."""

    def __init__(self, clock: Clock, machines: SimulatedMachines, rng: random.Random) -> None:
        self._clock, self._machines, self._rng = clock, machines, rng
        self.network = NetworkPlan()
        self.balancer = BalancerPlan()
        self.probes: dict[str, ProbeSpec] = {}
        self.sent = 0
        self.apply_failures = 0  # how many of the next calls fail
        self._report: Callable[[ProbeResult], None] = lambda _: None
        self._phase: dict[str, float] = {}  # time of some probe, past or to come
        self._quiet: dict[str, int] = {}  # equal successes in a row
        self._sleeping: set[str] = set()
        self._by_instance: dict[str, set[str]] = {}
        self._queue: list[tuple[float, int, str, ProbeResult | None]] = []
        self._order = itertools.count()
        self._woken = asyncio.Event()
        machines.changed = self._wake

    async def run(self) -> None:
        """Send probes until cancelled; a prober keeps nothing."""
        try:
            await self._probe()
        finally:
            self._report = lambda _: None
            for kept in (
                self.probes,
                self._phase,
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
                _, _, identifier, result = heapq.heappop(self._queue)
                if result is None:
                    self._send(identifier, now)
                elif identifier in self.probes:
                    self._deliver(result)
            woken = asyncio.ensure_future(self._woken.wait())
            timers = (
                [asyncio.ensure_future(self._clock.sleep(self._queue[0][0] - now))] if self._queue else []
            )
            try:
                await asyncio.wait([woken, *timers], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (woken, *timers):
                    task.cancel()

    async def apply_network(self, plan: NetworkPlan) -> None:
        """Put this network in force."""
        self._maybe_fail("network")
        self.network = plan
        for identifier in list(self._sleeping):
            self._rouse(identifier)

    async def apply_balancer(self, plan: BalancerPlan) -> None:
        """Put this balancer in force."""
        self._maybe_fail("balancer")
        self.balancer = plan

    async def apply_probes(self, probes: frozenset[ProbeSpec], report: Callable[[ProbeResult], None]) -> None:
        """Probe exactly these."""
        self._maybe_fail("probes")
        self._report = report
        wanted = {spec.id: spec for spec in probes}
        for identifier in [known for known in self.probes if known not in wanted]:
            self._by_instance[self.probes.pop(identifier).instance].discard(identifier)
            self._sleeping.discard(identifier)
            self._phase.pop(identifier)
            self._quiet.pop(identifier, None)
        for identifier in sorted(wanted):
            spec = wanted[identifier]
            known = self.probes.get(identifier)
            self.probes[identifier] = spec
            self._by_instance.setdefault(spec.instance, set()).add(identifier)
            if known is None:
                first = self._clock.now() + self._rng.uniform(0.0, spec.interval)
                self._phase[identifier] = first
                self._push(first, identifier, None)
            elif known != spec:
                self._rouse(identifier)

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
            periods = max(0.0, -((self._phase[identifier] - now) // interval))
            self._push(self._phase[identifier] + periods * interval, identifier, None)

    def _send(self, identifier: str, now: float) -> None:
        spec = self.probes.get(identifier)
        if spec is None or now < self._phase[identifier] or identifier in self._sleeping:
            return  # it was taken back, or is a leftover of an earlier life
        self._phase[identifier] = now
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
            self._push(now + spec.interval, identifier, None)

    def _deliver(self, result: ProbeResult) -> None:
        self._report(result)

    def _answer(self, spec: ProbeSpec, now: float) -> ProbeResult:
        guest = self._machines.by_name(spec.instance)
        timeout = ProbeResult(
            id=spec.id, sent_at=now, ended_at=now + spec.timeout, outcome="timeout", detail="timeout"
        )
        if guest is None or guest.state != "running" or guest.spec.interface.address != spec.instance_address:
            return timeout
        if not admits(self.network, guest.spec.interface.instance, _SOURCES[spec.consumer], "tcp", spec.port):
            return timeout
        if spec.address not in {guest.spec.interface.address, *guest.addresses}:
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


def admits(plan: NetworkPlan, instance: str, source: str, protocol: str, port: int) -> bool:
    """Say whether the firewall lets this in: the applicable rule of the lowest priority number decides, deny before allow."""
    interface = next((each for each in plan.interfaces if each.instance == instance), None)
    if interface is None:
        return False
    applicable = [
        rule
        for rule in plan.firewall
        if rule.network == interface.network
        and rule.direction == "INGRESS"
        and _targets(rule, interface.tags, interface.service_account)
        and any(IPv4Address(source) in IPv4Network(entry) for entry in rule.source_ranges)
        and any(_covers(name, ports, protocol, port) for name, ports in rule.protocols)
    ]
    if not applicable:
        return False
    return min(applicable, key=lambda rule: (rule.priority, rule.action != "deny")).action == "allow"


def _targets(rule: FirewallRule, tags: frozenset[str], account: str) -> bool:
    if not rule.target_tags and not rule.target_service_accounts:
        return True
    return bool(rule.target_tags & tags) or account in rule.target_service_accounts


def _covers(name: str, ports: tuple[str, ...], protocol: str, port: int) -> bool:
    if name not in {"all", protocol}:
        return False
    return not ports or any(
        int(entry.partition("-")[0]) <= port <= int(entry.rpartition("-")[2]) for entry in ports
    )
