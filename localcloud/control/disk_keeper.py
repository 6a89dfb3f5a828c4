"""Removes what disks held that are deleted: told of changed disks, and looking at all of them when it begins."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from localcloud.store import Event, Store

if TYPE_CHECKING:
    from localcloud.clock import Clock
    from localcloud.plans.machine import Machines

_AGAIN = 60.0


class DiskKeeper:
    """Knows which disk had which id."""

    def __init__(self, store: Store, clock: Clock, machines: Machines) -> None:
        self._store, self._clock, self._machines = store, clock, machines
        self._ids: dict[str, str] = {}  # of disks there are, by key
        self._gone: set[str] = set()
        self._all = True
        self._task: asyncio.Task[None] | None = None

    def touch(self, key: str) -> bool:
        """Note that a disk (by key) changed; returns whether it is gone."""
        disk = self._store.get(key)
        before = self._ids.pop(key, "")
        if disk is not None:
            self._ids[key] = str(disk["id"])
        if before and before != self._ids.get(key):
            self._gone.add(before)
        return bool(self._gone)

    def touch_all(self) -> None:
        """Note that anything may have changed."""
        self._all = True

    def look(self, _: str) -> float | None:
        """Begin to remove what is not needed any more; return when to look again."""
        if self._all:
            found = self._store.scan("compute/projects/")
            self._ids = {key: str(disk["id"]) for key, disk in found if key.split("/")[-2] == "disks"}
            self._gone |= self._machines.disks() - set(self._ids.values())
            self._all = False
        if not self._gone:
            return None
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._remove())
        return self._clock.now() + _AGAIN

    async def _remove(self) -> None:
        for disk in sorted(self._gone):
            try:
                await self._machines.forget_disk(disk)
            except OSError as error:
                with self._store.transaction() as change:
                    change.event(Event(self._clock.now(), "disk.failed", disk, f"cannot be removed: {error}"))
                continue
            self._gone.discard(disk)

    async def settle(self) -> None:
        """Wait for what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
