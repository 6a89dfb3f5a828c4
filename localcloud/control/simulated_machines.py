"""Simulated machines: they live in virtual time, repeatable from a seed, behind the same protocol (`Machines`) as real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from localcloud.plans.machine import MachineSpec, MachineView

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from localcloud.clock import Clock


@dataclass
class Guest:
    """A simulated machine. Its service answers from `ready_at`, except while hung, broken (answers wrongly) or crashed."""

    spec: MachineSpec
    booted_at: float
    ready_at: float
    state: Literal["starting", "running", "suspended", "exited", "crashed"] = "starting"
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
        self._views: dict[str, MachineView] = {}
        self._unseen: set[str] = set()  # machines whose view is not up to date
        self._ids: dict[str, str] = {}  # by instance name
        self.started = 0
        self.changed: Callable[[str], None] = lambda _: (
            None
        )  # told the instance's name, for whoever probes it
        self._watcher: Callable[[str], None] = lambda _: None
        self.kept: dict[str, str] = {}  # of each disk: the machine that wrote to it first
        self.start_failures = 0  # how many of the next starts fail

    async def start(self, spec: MachineSpec) -> None:
        """Boot; returns when the init runs."""
        guest = self.guests.get(spec.id)
        if guest is not None and guest.state == "running":
            return
        if guest is not None and guest.state == "suspended":
            await self._resume(guest, spec)
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
        self._ids[spec.name] = spec.id
        for disk in (spec.boot_disk, *(each.id for each in spec.disks)):
            self.kept.setdefault(disk, spec.id)
        self._unseen.add(spec.id)
        await self._clock.sleep(takes)
        if (guest := self.guests.get(spec.id)) is not None:
            guest.state = "running"
            self.started += 1
            self._tell(spec.id, spec.name)

    async def stop(self, machine_id: str, *, grace: float) -> None:
        """Shut down: a hung guest uses up all of its grace."""
        guest = self.guests.get(machine_id)
        if guest is None:
            return
        if guest.state == "running":
            takes = self.shutdown * self._rng.uniform(0.5, 1.5)
            await self._clock.sleep(min(grace, max(takes, guest.hung_until - self._clock.now())))
        self.guests.pop(machine_id, None)
        if self._ids.get(guest.spec.name) == machine_id:
            del self._ids[guest.spec.name]
        self._tell(machine_id, guest.spec.name)

    async def suspend(self, machine_id: str) -> None:
        """Pause, after about as long as a shutdown takes."""
        guest = self.guests.get(machine_id)
        if guest is None or guest.state != "running":
            return
        await self._clock.sleep(self.shutdown * self._rng.uniform(0.5, 1.5))
        if self.guests.get(machine_id) is guest:
            self._account(guest, self._clock.now())
            guest.state = "suspended"
            self._tell(machine_id, guest.spec.name)

    async def _resume(self, guest: Guest, spec: MachineSpec) -> None:
        """Go on where it was: a service that was ready is ready at once."""
        await self._clock.sleep(self.boot * self._rng.uniform(0.5, 1.5))
        if guest.state == "suspended":
            guest.state, guest.addresses, guest.cpu_as_of = (
                "running",
                spec.forwarded_addresses,
                self._clock.now(),
            )
            self._tell(spec.id, spec.name)

    async def forget(self, machine_id: str) -> None:
        """There is no folder."""

    async def detach(self, machine_id: str, boot_disk: str) -> None:
        """What it holds stays where it is."""

    async def forget_disk(self, disk_id: str) -> None:
        """Forget who wrote to it."""
        self.kept.pop(disk_id, None)

    def disks(self) -> frozenset[str]:
        """Return the disks that were written to."""
        return frozenset(self.kept)

    def observe(self) -> Mapping[str, MachineView]:
        """Return every machine that exists."""
        now = self._clock.now()
        for machine_id in sorted(self._unseen | (self.guests.keys() ^ self._views.keys())):
            guest = self.guests.get(machine_id)
            if guest is None:
                self._views.pop(machine_id, None)
                self._unseen.discard(machine_id)
                continue
            self._account(guest, now)
            self._views[machine_id] = MachineView(
                id=machine_id,
                state=guest.state,
                booted_at=guest.booted_at,
                pid=0,
                cpu_seconds=guest.cpu_seconds,
            )
            if guest.state != "running" or not guest.cpu_rate:
                self._unseen.discard(machine_id)
        return self._views

    def look_at(self, machine_id: str) -> MachineView | None:
        """Return one machine if it exists."""
        return self.observe().get(machine_id)

    async def forwarded(self, machine_id: str, addresses: tuple[str, ...]) -> None:
        """Answer to these addresses."""
        if (guest := self.guests.get(machine_id)) is not None:
            guest.addresses = addresses
            self._tell(machine_id, guest.spec.name)

    async def crash(self, machine_id: str) -> None:
        """Fall silent, and stay."""
        guest = self.guests[machine_id]
        guest.state = "crashed"
        self._tell(machine_id, guest.spec.name)
        self._watcher(machine_id)

    async def hang(self, machine_id: str, seconds: float) -> None:
        """Answer nothing for so long."""
        guest = self.guests[machine_id]
        guest.hung_until = self._clock.now() + seconds
        self._tell(machine_id, guest.spec.name)

    def break_service(self, machine_id: str, seconds: float) -> None:
        """Answer wrongly for so long."""
        guest = self.guests[machine_id]
        guest.broken_until = self._clock.now() + seconds
        self._tell(machine_id, guest.spec.name)

    def power_off(self, machine_id: str) -> None:
        """The guest shuts itself down."""
        self.guests[machine_id].state = "exited"
        self._tell(machine_id, self.guests[machine_id].spec.name)
        self._watcher(machine_id)

    def lose_all(self) -> None:
        """The host goes down: every machine is gone at once."""
        lost, self.guests = self.guests, {}
        self._ids.clear()
        for machine_id, guest in lost.items():
            self._tell(machine_id, guest.spec.name)
            self._watcher(machine_id)

    def end(self) -> None:
        """The world is taken down, and its machines are remembered as dead."""
        for machine_id, guest in self.guests.items():
            guest.state = "crashed"
            self._tell(machine_id, guest.spec.name)

    def watch(self, changed: Callable[[str], None]) -> None:
        """Tell of exits, crashes and losses."""
        self._watcher = changed

    def burn(self, machine_id: str, vcpus: float) -> None:
        """Use this many vCPUs from now on."""
        guest = self.guests[machine_id]
        self._account(guest, self._clock.now())
        guest.cpu_rate = vcpus
        self._unseen.add(machine_id)

    def by_name(self, name: str) -> Guest | None:
        """Return the machine of an instance."""
        return self.guests.get(self._ids.get(name, ""))

    def _tell(self, machine_id: str, name: str) -> None:
        self._unseen.add(machine_id)
        self.changed(name)

    def _account(self, guest: Guest, now: float) -> None:
        if guest.state == "running":
            guest.cpu_seconds += guest.cpu_rate * (now - guest.cpu_as_of)
        guest.cpu_as_of = now
