"""Watches what instances take of this machine's memory and disk, where the kernel does not hold them to it.

Memory, of instances that have no control group for it: more than the machine type's is answered as a kernel would that has run out of it:
the largest processes are killed. Disk: a full one takes no more bytes (writing fails with "File too large", which is as near as one comes
to "No space left on device"); an instance that goes on all the same, or fills this machine's own disk, is ended at once. All of it, and
what the kernel kills by itself, is said on the instance's serial port. Real time counts here: memory and disk are this machine's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.guest import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from localcloud.guest.disks import Disks
    from localcloud.guest.limits import Limits
    from localcloud.guest.machine import Machine

PERIOD = 0.5  # seconds between two looks
_MEMORY_LOOKS = 4  # memory is looked at every so many
_STEP = 64 << 20  # bytes that disappear from the file system until it is found out at once who took them
_RESERVE = 512 << 20  # bytes that stay free on this machine's file system
_EXCESS = 1.1  # of the limit: who has more than this has found a way around it
_IN_MEMORY = ("tmp", "dev/shm", "run")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class _Free:
    """What is left of a file system: bytes and files; None: it has any number of them."""

    size: int
    files: int | None

    @classmethod
    def of(cls, place: Path) -> _Free:
        found = os.statvfs(place)
        return cls(found.f_bavail * found.f_frsize, found.f_favail if found.f_files else None)

    @property
    def scarce(self) -> bool:
        return self.size < _RESERVE or (self.files is not None and self.files < 1000)


class Overuse:
    """Looks at the machines that it is given anew each time, from `start` to `stop`."""

    def __init__(
        self, place: Path, limits: Limits, machines: Callable[[], Iterable[Machine]], disks: Disks
    ) -> None:
        self._place, self._limits, self._machines, self._disks = place, limits, machines, disks
        self._most = 0  # bytes that were free when all were measured, or later
        self._turn = 0
        self._full: set[str] = set()
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look from now on; where that is done already, nothing changes."""
        if self._looking is None:
            self._looking = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
            self._looking = None

    async def _run(self) -> None:
        turn = 0
        while True:
            await asyncio.sleep(PERIOD)
            turn += 1
            await self.look_at_disks()
            if turn % _MEMORY_LOOKS == 0:
                await self.look_at_memory()

    async def look_at_memory(self) -> None:
        """Have every instance keep to its memory."""
        free = []
        for machine in tuple(self._machines()):
            if machine.group is None or not machine.group.holds("memory"):
                free.append(machine)
            elif killed := machine.group.killed():
                machine.say(f"Out of memory: Killed process ({killed} by this machine's kernel)")
        if not free:
            return
        snapshot = await asyncio.to_thread(processes.Snapshot)
        for machine in free:
            tree = snapshot.tree(machine.record.init)
            limit = machine.record.spec.memory_mib << 20
            if sum(facts.pages for facts in tree.values()) * _PAGE > limit:
                await asyncio.to_thread(self._relieve, machine, tree, limit)

    def _relieve(self, machine: Machine, tree: dict[int, processes.Stat], limit: int) -> None:
        """Kill the largest processes until the rest fits."""
        init = machine.record.init.pid
        shares = {pid: processes.proportional_memory(pid) for pid in tree}
        total = sum(shares.values()) + sum(_held(init, name) for name in _IN_MEMORY)
        for pid in sorted(shares, key=lambda pid: shares[pid], reverse=True):
            if total <= limit:
                return
            if pid != init and processes.ProcessId(pid, tree[pid].started).send(signal.SIGKILL):
                total -= shares[pid]
                machine.say(f"Out of memory: Killed process {processes.inner_number(pid) or pid}")
        if total > limit:
            machine.say("Out of memory: nothing is left to be killed")
            machine.record.init.send(signal.SIGKILL)

    async def look_at_disks(self) -> None:
        """Have every instance keep to its disk: measure one after the other, and all of them at once when much has disappeared."""
        free = _Free.of(self._place)
        living = [machine for machine in self._machines() if not machine.ended.is_set()]
        self._full &= {machine.record.spec.id for machine in living}
        if free.scarce or self._most - free.size >= _STEP:
            self._most = free.size
            due = living
        else:
            self._most = max(self._most, free.size)
            self._turn += 1
            due = [machine for machine in living if machine.record.spec.id in self._full]
            due += living[self._turn % len(living) :][:1] if living else []
        sizes = {machine: await asyncio.to_thread(self._taken, machine) for machine in due}
        largest = max(sizes.values(), default=0)
        for machine, taken in sizes.items():
            limit = self._limits.disk_bytes
            if taken > limit * _EXCESS or (free.scarce and taken == largest and taken > _STEP):
                machine.say(
                    f"No space left on device: {taken} of {limit} bytes are in use; the machine is ended"
                )
                machine.record.init.send(signal.SIGKILL)
            else:
                await self._hold(machine, full=taken >= limit)

    def _taken(self, machine: Machine) -> int:
        """Return the bytes on all disks of a machine, which share one limit."""
        return size(machine.folder) + sum(
            size(self._disks.folder(each.id)) for each in machine.record.spec.disks
        )

    async def _hold(self, machine: Machine, *, full: bool) -> None:
        """Let the instance's processes write no more, or again. Its init goes on: it is what is written to the serial port."""
        name = machine.record.spec.id
        if not full and name not in self._full:
            return
        if full and name not in self._full:
            machine.say(f"No space left on device: {self._limits.disk_bytes} bytes are in use")
        snapshot = await asyncio.to_thread(processes.Snapshot)
        for pid in snapshot.tree(machine.record.init).keys() - {machine.record.init.pid}:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (0 if full else hard, hard))
        if full:
            self._full.add(name)
        else:
            self._full.discard(name)


def size(folder: Path) -> int:
    """Return the bytes that a folder takes on its file system; what is being removed meanwhile may count or not."""
    total, queue = 0, [str(folder)]
    while queue:
        with (
            contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError),
            os.scandir(queue.pop()) as entries,
        ):
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        queue.append(entry.path)
    return total


def _held(init: int, name: str) -> int:
    """Return the bytes in one of an instance's file systems in memory."""
    try:
        found = os.statvfs(f"/proc/{init}/root/{name}")
    except OSError:
        return 0
    return (found.f_blocks - found.f_bfree) * found.f_frsize
