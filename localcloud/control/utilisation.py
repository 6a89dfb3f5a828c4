"""CPU utilisation: CPU seconds used over seconds passed over vCPUs allotted, as Google's cpu/utilization.

CPU time is real and so is the time it is set against: cloud seconds divided by the clock's speed. Shared-core types are allotted a
fraction of a vCPU and may burst, so the value may exceed 1.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from localcloud.control.intents import PREFIX
from localcloud.control.links import last
from localcloud.control.machine_types import allotment
from localcloud.control.template import member_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.clock import Clock
    from localcloud.plans.machine import Machines, MachineView
    from localcloud.store import Store

# The mean is taken over the last minute, as Google's metric is.
WINDOW = 60.0


class Utilisation:
    """Samples the machines' CPU time; answers each one's mean utilisation over the window."""

    def __init__(self, store: Store, clock: Clock, machines: Machines) -> None:
        self._store, self._clock, self._machines = store, clock, machines
        self._samples: dict[str, deque[tuple[float, float]]] = {}
        self._idle: dict[
            str, float
        ] = {}  # CPU seconds of machines that used none for a whole window, by numeric id
        self._views: Mapping[str, MachineView] = {}  # as sampled last
        self._sampled_at = 0.0
        self._known: dict[str, tuple[float, str]] = {}  # vCPUs allotted and the group's record, by numeric id
        self._writing: set[str] = set()

    def sample(self) -> None:
        """Read every running machine's CPU time once, and note the utilisation in its group's record.

        What goes on using none costs no more than the comparison.
        """
        views, idle = self._machines.observe(), self._idle
        if len(idle) == len(views) and views == self._views:
            self._sampled_at = self._clock.now()
            return
        self._views = dict(views)
        for numeric_id in self._known.keys() - views.keys():
            self._forget(numeric_id)
        records: dict[str, float | None] = {}
        for numeric_id, view in views.items():
            if idle.get(numeric_id) != view.cpu_seconds or view.state != "running":
                self._take(numeric_id, view, records)
        self._sampled_at = self._clock.now()
        self._note(records)

    def _take(self, numeric_id: str, view: MachineView, records: dict[str, float | None]) -> None:
        """Add a machine's sample, and its utilisation to the records (by key)."""
        now, window = self._clock.now(), max(WINDOW, self._clock.speed)
        if view.state != "running":
            self._forget(numeric_id)
            return
        samples = self._samples.setdefault(numeric_id, deque())
        if (before := self._idle.pop(numeric_id, None)) is not None:
            samples.append((self._sampled_at, before))
        if samples and view.cpu_seconds < samples[-1][1]:  # it booted again, perhaps as another machine type
            self._forget(numeric_id)
            samples = self._samples[numeric_id] = deque()
        known = self._known.get(numeric_id) or self._learn(numeric_id)
        if known is None:
            return
        samples.append((now, view.cpu_seconds))
        while len(samples) > 2 and samples[1][0] <= now - window:
            samples.popleft()
        records[known[1]] = self.of(numeric_id)
        if samples[0][0] <= now - window and samples[0][1] == view.cpu_seconds:
            self._idle[numeric_id] = view.cpu_seconds
            del self._samples[numeric_id]

    def _learn(self, numeric_id: str) -> tuple[float, str] | None:
        instance = (self._store.get(PREFIX + numeric_id) or {}).get("instance")
        document = self._store.get(instance) if instance else None
        if document is None:
            return None
        known = self._known[numeric_id] = (
            allotment(last(document["machineType"])).vcpus,
            member_key(document),
        )
        return known

    def _forget(self, numeric_id: str) -> None:
        self._samples.pop(numeric_id, None)
        self._idle.pop(numeric_id, None)
        self._known.pop(numeric_id, None)

    def of(self, numeric_id: str) -> float | None:
        """Return a machine's mean utilisation over the window (1.0 is all it is allotted); None before two samples."""
        if numeric_id in self._idle:
            return 0.0
        samples = self._samples.get(numeric_id)
        if not samples or len(samples) < 2:
            return None
        (began, before), (ended, after) = samples[0], samples[-1]
        real_seconds = (ended - began) / self._clock.speed
        return (
            max(0.0, after - before) / real_seconds / self._known[numeric_id][0] if real_seconds > 0 else None
        )

    def wrote(self, key: str) -> bool:
        """Say whether this record is changing now only because of the measured utilisation, which no group acts on."""
        return key in self._writing

    def _note(self, records: dict[str, float | None]) -> None:
        changed = {}
        for key, value in records.items():
            record = self._store.get(key)
            rounded = None if value is None else round(value, 2)
            if record is not None and record.get("cpu") != rounded:
                changed[key] = {**record, "cpu": rounded}
        self._writing = set(changed)
        try:
            with self._store.transaction() as change:
                for key, document in changed.items():
                    change.put(key, document)
        finally:
            self._writing = set()
