"""Runs instances as sandboxes on this host: boots, stops, observes, breaks and re-adopts them."""

from __future__ import annotations

import asyncio
import functools
import re
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

from localcloud.guest import boot, layer, library, processes, serial_port, session
from localcloud.guest.boot import BootError
from localcloud.guest.disks import Disks
from localcloud.guest.identity_token import IdentitySigner
from localcloud.guest.init import wire
from localcloud.guest.limits import Limits
from localcloud.guest.machine import LISTENERS, Machine, converse
from localcloud.guest.metadata_source import MetadataSource
from localcloud.guest.overuse import Overuse
from localcloud.guest.pauses import Pauses
from localcloud.guest.record import Record
from localcloud.guest.system import System
from localcloud.guest.trust import Trust

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from localcloud.clock import Clock
    from localcloud.guest.listener import App
    from localcloud.home import Home
    from localcloud.identity import Identities
    from localcloud.plans.machine import MachineSpec, MachineView
    from localcloud.plans.world import MachineHost
    from localcloud.store import Store

_MACHINE_ID = re.compile(r"[0-9]{1,20}")
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
    ) -> None:
        self._home, self._store, self._clock, self._host = home, store, clock, host
        self._identities, self._google_api, self._project_number = identities, google_api, project_number
        limits = limits or Limits()
        shared = self._shared = home.path / "guest"
        self._trust = Trust(shared / "trust")
        self._signer = IdentitySigner(shared / "identity.key")
        self._disks = Disks(home.disks)
        self._boots = boot.Boots(host, library.prepare(shared), self._trust.ssl_folder, limits, self._disks)
        self._machines: dict[str, Machine] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._pauses = Pauses(clock, self._lock)
        self._changed: Callable[[str], None] = lambda _: None
        self._overuse = Overuse(home.path, limits, self._machines.values, self._disks)
        self._watching: asyncio.Task[None] | None = None

    async def start(self, spec: MachineSpec) -> None:
        """Boot this machine, or let a suspended one go on; returns when its init runs. Starting one that runs already is nothing.

        Raises:
            BootError: it could not be booted, with the sandbox's own words.
        """
        async with self._lock(spec.id):
            machine = self._machines.get(spec.id)
            if machine is not None:
                if machine.record.init.alive():
                    await self._resume(machine, spec)
                    return
                await self._remove(machine)
            await self._boot(spec)

    async def _boot(self, spec: MachineSpec) -> None:
        folder = self._folder(spec.id)
        spawned = await self._boots.spawn(spec, folder)
        outer = processes.ProcessId.of(spawned.pid) or processes.ProcessId(spawned.pid, -1)
        record = Record(
            spec=spec,
            outer=outer,
            init=outer,
            booted_at=self._clock.now(),
            forwarded=spec.forwarded_addresses,
        )
        machine = Machine(record, folder, self._source(spec))
        self._take(machine)
        try:
            await machine.serve(spawned.listeners, self._google_api, self._trust.server)
            init = boot.init_of(await converse(folder, wire.HELLO))
        except BaseException as error:
            await self._remove(machine)
            if not isinstance(error, session.SessionError):
                raise
            msg = f"instance {spec.name} did not boot: {error}{boot.words(folder)}"
            raise BootError(msg) from None
        machine.record = replace(machine.record, init=init)
        machine.record.write(folder)
        machine.booted = True
        machine.watch(lambda: self._tell(spec.id))
        self._tell(spec.id)
        if spec.forwarded_addresses:
            await self._host.set_local_addresses(spawned.pid, spec.forwarded_addresses)

    async def suspend(self, machine_id: str) -> None:
        """Pause all of its processes, which keep their memory, until it is started. One that is not there, or not up, stays so."""
        async with self._lock(machine_id):
            machine = self._machines.get(machine_id)
            if machine is None or not machine.record.init.alive():
                return
            await self._pauses.suspend(machine)
            self._tell(machine_id)

    async def _resume(self, machine: Machine, spec: MachineSpec) -> None:
        if not machine.record.suspended:
            return
        await self._host.set_local_addresses(machine.record.outer.pid, spec.forwarded_addresses)
        machine.source.set_forwarded(spec.forwarded_addresses)
        await self._pauses.end(machine)
        machine.record = replace(machine.record, forwarded=spec.forwarded_addresses)
        machine.record.write(machine.folder)
        self._tell(spec.id)

    async def stop(self, machine_id: str, *, grace: float) -> None:
        """Shut down (shutdown script, at most `grace` cloud seconds), then remove all of it but its folder."""
        async with self._lock(machine_id):
            machine = self._machines.get(machine_id)
            if machine is None:
                return
            if machine.record.init.alive() and grace > 0:
                await self._pauses.end(machine)
                await self._shut_down(machine, grace)
            await self._remove(machine)

    async def _shut_down(self, machine: Machine, grace: float) -> None:
        limit = asyncio.ensure_future(self._clock.sleep(grace))
        over = asyncio.ensure_future(_orderly_end(machine))
        try:
            await asyncio.wait({limit, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (limit, over):
                task.cancel()
            await asyncio.gather(limit, over, return_exceptions=True)

    async def _remove(self, machine: Machine) -> None:
        """Take away processes, listeners and network interface."""
        record = machine.record
        self._machines.pop(record.spec.id, None)
        record.init.send(signal.SIGKILL)
        await machine.close()
        record.outer.send(signal.SIGKILL)
        await self._host.remove(record.spec.interface.instance, record.outer.pid)
        Record.remove(machine.folder)
        (machine.folder / session.SOCKET).unlink(missing_ok=True)
        self._tell(record.spec.id)

    async def forget(self, machine_id: str) -> None:
        """Remove the folder of a stopped machine.

        Raises:
            ValueError: it is not stopped.
        """
        async with self._lock(machine_id):
            if machine_id in self._machines:
                msg = f"machine {machine_id}: still exists; stop it before it is forgotten"
                raise ValueError(msg)
            await asyncio.to_thread(layer.remove, self._folder(machine_id))
        self._locks.pop(machine_id, None)

    async def detach(self, machine_id: str, boot_disk: str) -> None:
        """Take the boot disk out of the folder of a stopped machine, to be kept under this id. Nothing to take is nothing to do."""
        async with self._lock(machine_id):
            await asyncio.to_thread(self._disks.detach, self._folder(machine_id), boot_disk)

    async def forget_disk(self, disk_id: str) -> None:
        """Remove what a disk holds that no machine has."""
        await asyncio.to_thread(self._disks.remove, disk_id)

    def disks(self) -> frozenset[str]:
        """Return the ids of the disks that something is kept of, outside of machines' own folders."""
        return self._disks.present()

    def observe(self) -> Mapping[str, MachineView]:
        """Return every machine that exists, by id."""
        if not self._machines:
            return {}
        snapshot = processes.Snapshot()
        return {machine_id: machine.view(snapshot) for machine_id, machine in self._machines.items()}

    def surroundings(self) -> Mapping[str, str]:
        """Return what instances made from now on run on, and what holds them to their limits, for people."""
        system = System.chosen(self._shared)
        return {
            "system": system.describe()
            if system
            else "this machine's /usr, read-only; no packages to be had",
            "limits": "processes and open files held by the kernel; memory and disk watched; CPU not limited, but counted",
        }

    def watch(self, changed: Callable[[str], None]) -> None:
        """Call `changed(machine id)` from now on whenever a machine's state changed or the machine is gone."""
        self._changed = changed

    def _tell(self, machine_id: str) -> None:
        # later, so that whoever changed the machine has finished with it when others look
        asyncio.get_running_loop().call_soon(self._changed, machine_id)

    async def forwarded(self, machine_id: str, addresses: tuple[str, ...]) -> None:
        """Set the forwarding rules' addresses that this machine answers to."""
        machine = self._machine(machine_id)
        if not machine.record.init.alive():
            return
        await self._host.set_local_addresses(machine.record.outer.pid, addresses)
        machine.source.set_forwarded(addresses)
        machine.record = replace(machine.record, forwarded=addresses)
        machine.record.write(machine.folder)

    async def crash(self, machine_id: str) -> None:
        """Kill all its processes at once, as a kernel panic would; it stays, silent."""
        machine = self._machine(machine_id)
        if machine.record.init.send(signal.SIGKILL):  # the kernel takes all of the init's PID namespace along
            await asyncio.wait_for(machine.ended.wait(), _POWER_OFF_PATIENCE)

    async def hang(self, machine_id: str, seconds: float) -> None:
        """Stop all its processes for this many cloud seconds, then let them go on."""
        await self._pauses.hang(self._machine(machine_id), seconds)

    async def adopt(self) -> Sequence[str]:
        """Take over the machines that an earlier daemon of this folder booted; returns the ids of those that live.

        What is dead is taken over too, as crashed or exited, so that its removal can be decided as for any other.
        """
        living = []
        root = self._home.path / "instances"
        for folder in sorted(root.iterdir()) if root.is_dir() else ():
            record = Record.read(folder)
            if record is None or record.spec.id in self._machines:
                continue
            source = self._source(record.spec)
            source.set_forwarded(record.forwarded)
            machine = Machine(record, folder, source)
            if record.init.alive() and (sockets := await self._listeners(record)) is not None:
                await machine.serve(sockets, self._google_api, self._trust.server)
                living.append(record.spec.id)
            machine.booted = True
            self._take(machine)
            machine.watch(functools.partial(self._tell, record.spec.id))
            if record.hung_until > 0 and record.init.alive():
                self._pauses.plan(machine)
        return living

    async def _listeners(self, record: Record) -> tuple[socket.socket, ...] | None:
        """Make the listeners of a machine that an earlier daemon booted; None if it is just dying, which is no trouble of ours."""
        try:
            return await self._host.listen(record.outer.pid, LISTENERS)
        except RuntimeError:
            if record.init.alive():
                raise
            return None

    def _take(self, machine: Machine) -> None:
        self._machines[machine.record.spec.id] = machine
        if self._watching is None:
            self._watching = asyncio.ensure_future(self._overuse.run())

    async def release(self) -> None:
        """Let go of all machines without touching them, for a daemon that ends and leaves them to the next."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        for machine in self._machines.values():
            machine.record.write(machine.folder)
            await machine.close()
        self._machines.clear()

    async def exec(
        self, machine_id: str, argv: Sequence[str], *, stdin: bytes = b"", tty: bool = False
    ) -> session.Completed:
        """Run a command on a machine.

        Raises:
            SessionError: it is not up, or cannot execute the command.
        """
        return await asyncio.to_thread(
            session.GuestSession(self._folder(machine_id)).run, argv, stdin=stdin, tty=tty
        )

    def serial_output(self, machine_id: str) -> bytes:
        """Return the last megabyte of a machine's serial port, also when it no longer runs."""
        return self.serial(machine_id).contents

    def serial(self, machine_id: str, start: int = 0) -> serial_port.SerialOutput:
        """Return a machine's serial port output from an offset on."""
        return serial_port.read(self._folder(machine_id), start)

    def _source(self, spec: MachineSpec) -> MetadataSource:
        return MetadataSource(
            spec,
            self._store,
            self._clock,
            self._identities,
            signer=self._signer,
            project_number=self._project_number,
        )

    def _machine(self, machine_id: str) -> Machine:
        machine = self._machines.get(machine_id)
        if machine is None:
            msg = f"machine {machine_id}: there is none with this id"
            raise KeyError(msg)
        return machine

    def _folder(self, machine_id: str) -> Path:
        if not _MACHINE_ID.fullmatch(machine_id):
            msg = f"machine id {machine_id!r}: must be a number"
            raise ValueError(msg)
        return self._home.instance(machine_id)

    def _lock(self, machine_id: str) -> asyncio.Lock:
        return self._locks.setdefault(machine_id, asyncio.Lock())


async def _orderly_end(machine: Machine) -> None:
    try:
        await converse(machine.folder, wire.SHUTDOWN)
    except session.SessionError:
        return
    await machine.ended.wait()
