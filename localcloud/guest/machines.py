"""Runs instances as sandboxes on this host: boots, stops, observes, breaks and re-adopts them."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

from localcloud import kernel_counts
from localcloud.clock import RealClock
from localcloud.guest import layer, library, processes, serial_port, session
from localcloud.guest.boot import BootError, Boots
from localcloud.guest.disks import Disks
from localcloud.guest.identity_token import IdentitySigner
from localcloud.guest.limits import Limits
from localcloud.guest.metadata_source import MetadataSource
from localcloud.guest.overuse import Overuse
from localcloud.guest.pauses import Pauses
from localcloud.guest.power import Power
from localcloud.guest.register import Register
from localcloud.guest.room import Room
from localcloud.guest.service_manager import without_groups
from localcloud.guest.shares import Shares
from localcloud.guest.system import System
from localcloud.guest.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from localcloud.clock import Clock
    from localcloud.guest.confinement import Confinement
    from localcloud.guest.instance_group import InstanceGroup
    from localcloud.guest.listener import App
    from localcloud.guest.machine import Machine
    from localcloud.home import Home
    from localcloud.identity import Identities
    from localcloud.plans.machine import MachineSpec, MachineView
    from localcloud.plans.world import MachineHost
    from localcloud.store import Store

_POWER_OFF_PATIENCE = 60.0  # real seconds for a killed init to be gone


class Sandboxes:
    """The machines of one cloud. Implements `localcloud.plans.machine.TellingMachines`."""

    def __init__(  # noqa: PLR0917 - the parts it is composed of, in the order every composer names them
        self,
        home: Home,
        store: Store,
        clock: Clock,
        host: MachineHost,
        identities: Identities,
        google_api: App,
        *,
        project_number: str = "100000000001",
        limits: Limits | None = None,
        confinement: Confinement | None = None,
    ) -> None:
        """`confinement`: where machines have control groups of their own."""
        self._store, self._clock, self._host = store, clock, host
        self._identities, self._project_number = identities, project_number
        limits = self._limits = limits or Limits()
        shared = self._shared = home.path / "guest"
        trust = Trust(shared / "trust")
        self._signer = IdentitySigner(shared / "identity.key")
        self._disks = Disks(home.disks)
        self._confinement = confinement
        self._room = Room.here()
        self._booting: set[str] = set()
        register = self._register = Register(home)
        self._power = Power(
            register,
            Boots(host, library.prepare(shared), trust.ssl_folder, limits, self._disks),
            self._group,
            host=host,
            clock=clock,
            trust=trust,
            google_api=google_api,
            source=self._source,
            shares=Shares(RealClock(), self._room),  # in instances time is real
        )
        self._pauses = Pauses(clock, register.lock)
        self._overuse = Overuse(home.path, limits, register.present.values, self._disks)

    async def start(self, spec: MachineSpec) -> None:
        """Boot this machine, or let a suspended one go on; returns when its init runs. Starting one that runs already is nothing.

        Raises:
            BootError: it could not be booted, with the sandbox's own words.
        """
        async with self._register.lock(spec.id):
            machine = self._register.present.get(spec.id)
            if machine is not None:
                if machine.record.init.alive():
                    await self._resume(machine, spec)
                    return
                await self._power.remove(machine)
            if len(self._register.present.keys() | self._booting) >= self._room.machines:
                raise BootError(self._room.refusal(spec.name))
            self._overuse.start()
            self._booting.add(spec.id)
            try:
                await self._power.boot(spec)
            finally:
                self._booting.discard(spec.id)

    async def suspend(self, machine_id: str) -> None:
        """Pause all of its processes, which keep their memory, until it is started. One that is not there, or not up, stays so."""
        async with self._register.lock(machine_id):
            machine = self._register.present.get(machine_id)
            if machine is None or not machine.record.init.alive():
                return
            await self._pauses.suspend(machine)
            self._register.tell(machine_id)

    async def _resume(self, machine: Machine, spec: MachineSpec) -> None:
        if not machine.record.suspended:
            return
        await self._answer_to(machine, spec.forwarded_addresses)
        await self._pauses.end(machine)
        self._register.tell(spec.id)

    async def stop(self, machine_id: str, *, grace: float) -> None:
        """Shut down (shutdown script, at most `grace` cloud seconds), then remove all of it but its folder."""
        async with self._register.lock(machine_id):
            machine = self._register.present.get(machine_id)
            if machine is None:
                return
            if machine.record.init.alive() and grace > 0:
                await self._pauses.end(machine)
                await self._power.shut_down(machine, grace)
            await self._power.remove(machine)

    async def forget(self, machine_id: str) -> None:
        """Remove the folder of a stopped machine.

        Raises:
            ValueError: it is not stopped.
        """
        async with self._register.lock(machine_id):
            if machine_id in self._register.present:
                msg = f"machine {machine_id}: still exists; stop it before it is forgotten"
                raise ValueError(msg)
            await asyncio.to_thread(layer.remove, self._register.folder(machine_id))
        self._register.forget(machine_id)

    async def detach(self, machine_id: str, boot_disk: str) -> None:
        """Take the boot disk out of the folder of a stopped machine, to be kept under this id. Nothing to take is nothing to do."""
        async with self._register.lock(machine_id):
            await asyncio.to_thread(self._disks.detach, self._register.folder(machine_id), boot_disk)

    async def forget_disk(self, disk_id: str) -> None:
        """Remove what a disk holds that no machine has."""
        await asyncio.to_thread(self._disks.remove, disk_id)

    def disks(self) -> frozenset[str]:
        """Return the ids of the disks that something is kept of, outside of machines' own folders."""
        return self._disks.present()

    def observe(self) -> Mapping[str, MachineView]:
        """Return every machine that exists, by id."""
        present = self._register.present
        if not present:
            return {}
        snapshot = functools.cache(processes.Snapshot)  # one for all machines that are not counted by a group
        return {machine_id: machine.view(snapshot) for machine_id, machine in present.items()}

    def look_at(self, machine_id: str) -> MachineView | None:
        """Return one machine if it exists, at a cost that does not depend on how many there are; CPU time as it was observed last."""
        machine = self._register.present.get(machine_id)
        return None if machine is None else machine.glance()

    def surroundings(self) -> Mapping[str, str]:
        """Return what instances made from now on run on, and what holds them to their limits, for people."""
        system = System.chosen(self._shared)
        return {
            "system": system.describe()
            if system
            else "this machine's /usr, read-only; no packages to be had",
            "limits": self._limits.describe(
                as_host_root=os.geteuid() == 0 and self._host.machine_user is None,
                groups=self._confinement.controllers if self._confinement else (),
            ),
            "room": f"{self._room.describe()}; {kernel_counts.describe()}",
            "control_groups": self._groups(),
        }

    def _groups(self) -> str:
        if self._confinement is None:
            return without_groups()
        present = self._register.present
        without = sum(machine.group is None for machine in present.values())
        some = f"; {without} of {len(present)} have none until they are started again" if without else ""
        return self._confinement.describe() + some

    def _group(self, spec: MachineSpec) -> InstanceGroup | None:
        return None if self._confinement is None else self._confinement.make(spec.id, self._limits.of(spec))

    def watch(self, changed: Callable[[str], None]) -> None:
        """Call `changed(machine id)` from now on whenever a machine's state changed or the machine is gone."""
        self._register.watch(changed)

    async def forwarded(self, machine_id: str, addresses: tuple[str, ...]) -> None:
        """Set the forwarding rules' addresses that this machine answers to."""
        machine = self._register.machine(machine_id)
        # a daemon that took machines over asks for what most of them do
        if machine.record.forwarded != addresses and machine.record.init.alive():
            await self._answer_to(machine, addresses)

    async def _answer_to(self, machine: Machine, addresses: tuple[str, ...]) -> None:
        await self._host.set_local_addresses(machine.record.outer.pid, addresses)
        machine.source.set_forwarded(addresses)
        machine.record = replace(machine.record, forwarded=addresses)
        machine.record.write(machine.folder)

    async def crash(self, machine_id: str) -> None:
        """Kill all its processes at once, as a kernel panic would; it stays, silent."""
        machine = self._register.machine(machine_id)
        if machine.record.init.send(signal.SIGKILL):  # the kernel takes all of the init's PID namespace along
            await asyncio.wait_for(machine.ended.wait(), _POWER_OFF_PATIENCE)

    async def hang(self, machine_id: str, seconds: float) -> None:
        """Stop all its processes for this many cloud seconds, then let them go on."""
        await self._pauses.hang(self._register.machine(machine_id), seconds)

    async def adopt(self) -> Sequence[str]:
        """Take over the machines that an earlier daemon of this folder booted; returns the ids of those that live.

        What is dead is taken over too, as crashed or exited, so that its removal can be decided as for any other.
        """
        living = []
        for folder in self._register.folders():
            machine = await self._power.adopt(folder)
            if machine is None:
                continue
            self._overuse.start()
            if machine.record.init.alive():
                living.append(machine.record.spec.id)
                if machine.record.hung_until > 0:
                    self._pauses.plan(machine)
        known = (each.record.spec.interface.instance for each in self._register.present.values())
        await self._host.remove_others(frozenset(known))
        if self._confinement is not None:
            present = frozenset(self._register.present)
            await asyncio.to_thread(self._confinement.remove_others, present)
        return living

    async def release(self) -> None:
        """Let go of all machines without touching them, for a daemon that ends and leaves them to the next."""
        await self._overuse.stop()
        for machine in self._register.present.values():
            machine.record.write(machine.folder)
            await machine.close()
        self._register.present.clear()

    async def exec(
        self, machine_id: str, argv: Sequence[str], *, stdin: bytes = b"", tty: bool = False
    ) -> session.Completed:
        """Run a command on a machine.

        Raises:
            SessionError: it is not up, or cannot execute the command.
        """
        return await asyncio.to_thread(
            session.GuestSession(self._register.folder(machine_id)).run, argv, stdin=stdin, tty=tty
        )

    def serial_output(self, machine_id: str) -> bytes:
        """Return the last megabyte of a machine's serial port, also when it no longer runs."""
        return self.serial(machine_id).contents

    def serial(self, machine_id: str, start: int = 0) -> serial_port.SerialOutput:
        """Return a machine's serial port output from an offset on."""
        return serial_port.read(self._register.folder(machine_id), start)

    def _source(self, spec: MachineSpec) -> MetadataSource:
        return MetadataSource(
            spec,
            self._store,
            self._clock,
            self._identities,
            signer=self._signer,
            project_number=self._project_number,
        )
