"""Power of machines: booted, shut down, removed with all that they had in the world, taken over from a daemon that ended."""

from __future__ import annotations

import asyncio
import functools
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.guest import boot, processes, session
from localcloud.guest.boot import BootError
from localcloud.guest.init import wire
from localcloud.guest.instance_group import InstanceGroup
from localcloud.guest.machine import LISTENERS, Machine, converse
from localcloud.guest.record import Record

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from localcloud.clock import Clock
    from localcloud.guest.listener import App
    from localcloud.guest.metadata_source import MetadataSource
    from localcloud.guest.register import Register
    from localcloud.guest.shares import Shares
    from localcloud.guest.trust import Trust
    from localcloud.plans.machine import MachineSpec
    from localcloud.plans.world import MachineHost


class Power:
    """Brings machines into the register and takes them out.

    `group`: makes a machine's control group, where there can be one; `source`: what its metadata server knows.
    """

    def __init__(
        self,
        register: Register,
        boots: boot.Boots,
        group: Callable[[MachineSpec], InstanceGroup | None],
        *,
        host: MachineHost,
        clock: Clock,
        trust: Trust,
        google_api: App,
        source: Callable[[MachineSpec], MetadataSource],
        shares: Shares,
    ) -> None:
        self._register, self._boots, self._group = register, boots, group
        self._host, self._clock, self._trust = host, clock, trust
        self._google_api, self._source, self._shares = google_api, source, shares

    async def boot(self, spec: MachineSpec) -> None:
        """Boot a machine that is not there; returns when its init runs.

        Raises:
            BootError: it could not be booted, with the sandbox's own words.
        """
        folder = self._register.folder(spec.id)
        group = await asyncio.to_thread(self._group, spec)
        try:
            spawned = await self._boots.spawn(spec, folder, str(group.path) if group else "")
        except BaseException:
            await _end(group)
            raise
        outer = processes.ProcessId.of(spawned.pid) or processes.ProcessId(spawned.pid, -1)
        record = Record(
            spec=spec,
            outer=outer,
            init=outer,
            booted_at=self._clock.now(),
            group=str(group.path) if group else "",
        )
        machine = Machine(record, folder, self._source(spec), self._shares, group)
        self._register.present[spec.id] = machine
        try:
            machine.serve(spawned.listeners, self._google_api, self._trust.server)
            init = boot.init_of(await converse(folder, wire.HELLO))
        except BaseException as error:
            await self.remove(machine)
            if not isinstance(error, session.SessionError):
                raise
            msg = f"instance {spec.name} did not boot: {error}{boot.words(folder)}"
            raise BootError(msg) from None
        machine.record = replace(machine.record, init=init)
        machine.record.write(folder)
        self._booted(machine)
        self._register.tell(spec.id)
        if spec.forwarded_addresses:
            await self._host.set_local_addresses(spawned.pid, spec.forwarded_addresses)
            # only what is so is written down: the next daemon does not do it again
            machine.record = replace(machine.record, forwarded=spec.forwarded_addresses)
            machine.record.write(folder)

    async def shut_down(self, machine: Machine, grace: float) -> None:
        """Have its init end in an orderly way, and wait for that, at most `grace` cloud seconds."""
        limit = asyncio.ensure_future(self._clock.sleep(grace))
        over = asyncio.ensure_future(_orderly_end(machine))
        try:
            await asyncio.wait({limit, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (limit, over):
                task.cancel()
            await asyncio.gather(limit, over, return_exceptions=True)

    async def remove(self, machine: Machine) -> None:
        """Take away processes, listeners and network interface. If that fails the machine is still present, to be removed again."""
        record = machine.record
        record.init.send(signal.SIGKILL)
        if machine.group is not None:
            machine.group.kill()
        await machine.close()
        record.outer.send(signal.SIGKILL)
        await self._host.remove(record.spec.interface.instance, record.outer.pid)
        await _end(machine.group)
        self._register.present.pop(record.spec.id, None)
        Record.remove(machine.folder)
        (machine.folder / session.SOCKET).unlink(missing_ok=True)
        self._register.tell(record.spec.id)

    async def adopt(self, folder: Path) -> Machine | None:
        """Take over the machine of a folder, dead or alive; None where there is none, or it is in the register already."""
        record = Record.read(folder)
        if record is None or record.spec.id in self._register.present:
            return None
        source = self._source(record.spec)
        source.set_forwarded(record.forwarded)
        group = InstanceGroup(Path(record.group)) if record.group else None
        machine = Machine(record, folder, source, self._shares, group)
        if record.init.alive() and (sockets := await self._listeners(record)) is not None:
            machine.serve(sockets, self._google_api, self._trust.server)
        self._register.present[record.spec.id] = machine
        self._booted(machine)
        return machine

    async def _listeners(self, record: Record) -> tuple[socket.socket, ...] | None:
        """Make the listeners of a machine that an earlier daemon booted; None if it is just dying, which is no trouble of ours."""
        try:
            return await self._host.listen(record.outer.pid, LISTENERS)
        except RuntimeError:
            if record.init.alive():
                raise
            return None

    def _booted(self, machine: Machine) -> None:
        machine.booted = True
        machine.watch(functools.partial(self._register.tell, machine.record.spec.id))


async def _end(group: InstanceGroup | None) -> None:
    if group is not None:
        await asyncio.to_thread(group.remove)


async def _orderly_end(machine: Machine) -> None:
    try:
        await converse(machine.folder, wire.SHUTDOWN)
    except session.SessionError:
        return
    await machine.ended.wait()
