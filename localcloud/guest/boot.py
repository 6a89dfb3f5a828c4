"""Booting an instance: its disk, the files it is handed, and its sandbox in a network namespace of its own."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud import kernel_counts
from localcloud.guest import disk, fence, layer, pretence, processes, session, system
from localcloud.guest.machine import LIFECYCLE, LISTENERS
from localcloud.guest.sandbox import SECCOMP, Sandbox
from localcloud.plans.world import Command

if TYPE_CHECKING:
    from localcloud.guest.disks import Disks
    from localcloud.guest.limits import Limits
    from localcloud.plans.machine import MachineSpec
    from localcloud.plans.world import MachineHost, Spawned

_PREFIX_LENGTH = 32
_SHELF = Path("/mnt")  # where a command finds the folders it is given
_LOG = "sandbox.log"
_LOG_SHOWN = 400  # bytes


class BootError(Exception):
    """An instance could not be booted; the message says why."""


class Boots:
    """Boots instances of one cloud. `library` and `ssl` are what all of them share."""

    def __init__(self, host: MachineHost, library: Path, ssl: Path, limits: Limits, disks: Disks) -> None:
        self._host, self._library, self._ssl, self._limits = host, library, ssl, limits
        self._disks = disks

    async def spawn(self, spec: MachineSpec, folder: Path, group: str) -> Spawned:
        """Start the sandbox of the instance with this folder, which is made if need be; its init then still has to say that it is up.

        `group`: the folder of its control group, if it has one.
        """
        user = self._host.machine_user
        own = await asyncio.to_thread(self._prepare, spec, folder, user)
        sandbox = Sandbox(
            host_name=spec.name,
            disk=folder / "disk",
            library=self._library,
            ssl=self._ssl,
            memory_mib=spec.memory_mib,
            limits=self._limits,
            disks={each.device: (self._disks.folder(each.id), each.read_only) for each in spec.disks},
            shelf=None if user is None else _SHELF,
            as_root=user is None and os.geteuid() == 0,
            system=own,
            filtered=own is not None or fence.program() is not None,
        )
        null = os.open(os.devnull, os.O_RDWR)
        log = os.open(folder / _LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        serial = os.open(folder / "serial.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        life = os.open(folder / LIFECYCLE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        control = session.listen(folder)
        inherited = {0: null, 1: log, 2: log, 3: control.fileno(), 4: serial, 5: life}
        code = fence.program() if own is None else pretence.program()
        if code is not None:
            inherited[SECCOMP] = fence.descriptor(code)
        try:
            command = Command(
                argv=sandbox.argv(),
                fds=inherited,
                folders={} if user is None else sandbox.folders(),
                group=group,
                counts=kernel_counts.of_each(kernel_counts.of_user()),
            )
            return await self._host.spawn(spec.interface, spec.gateway, _PREFIX_LENGTH, command, LISTENERS)
        finally:
            for fd in set(inherited.values()) - {control.fileno()}:
                os.close(fd)
            control.close()

    def _prepare(self, spec: MachineSpec, folder: Path, user: int | None) -> system.System | None:
        """Lay the instance's files out; returns the root file system that they are above, if it is not the host's /usr."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._disks.attach(spec, folder, user)
        place = folder / "disk"
        if not disk.is_complete(place):  # an instance stays with what it had when it was made
            chosen = system.System.chosen(self._library.parent)
            chosen.choose(folder) if chosen is not None else system.forget(folder)
        own = system.System.chosen(folder)
        if own is None:
            disk.prepare(place, spec, self._library, spec.key.split("/")[2], user)
        else:
            try:
                layer.prepare(place, spec, own, library=self._library, ssl=self._ssl, owner=user)
            except layer.LayerError as error:
                msg = f"instance {spec.name} did not boot: {error}"
                raise BootError(msg) from None
        return own


def words(folder: Path) -> str:
    """Return what the sandbox of a failed boot said, as the end of a message."""
    said = (folder / _LOG).read_bytes()[-_LOG_SHOWN:].decode(errors="replace").strip()
    return f"; the sandbox said: {said}" if said else ""


def init_of(pid: int) -> processes.ProcessId:
    """Identify the init that has answered: process 1 of a namespace of its own.

    Raises:
        SessionError: it has ended, or it was somebody else who answered.
    """
    found = processes.ProcessId.of(pid)
    if found is None or processes.inner_number(pid) != 1:
        msg = f"process {pid} answered for the init, and has ended or is none"
        raise session.SessionError(msg)
    return found
