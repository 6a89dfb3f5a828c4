"""The load that an autoscaled group is about to have, from what it had at the same time on earlier days and weeks. Pure.

Google does not publish its model, only what it is made of: three days of CPU-based history at least, daily and weekly patterns, and
instances ready when the load comes. Here time is cut into slots of ten minutes, of each of which the greatest load is kept, for three
weeks. A slot's forecast is the mean of the same slot of earlier weeks, or of the last three days while no week has passed. The load is in
instances' worth of CPU (the sum of utilisations), so a changed target or size does not spoil the history.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.control.signals import NOISE, Need
from localcloud.timestamp import rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localcloud.control.signals import Load
    from localcloud.store import Document

SLOT = 600.0
_DAY, _WEEK = 144, 1008  # slots
_KEPT = 3 * _WEEK
NEEDED = 3 * _DAY


@dataclass(frozen=True)
class History:
    """The greatest load of each slot from slot number `first` (since the epoch) on; None where nothing was measured."""

    first: int = 0
    values: tuple[float | None, ...] = ()

    @classmethod
    def parse(cls, document: Document | None) -> History:
        """Read a stored history; None is an empty one."""
        document = document or {}
        return cls(int(document.get("first", 0)), tuple(document.get("load", ())))

    def document(self) -> Document:
        """Render as stored."""
        return {"first": self.first, "load": list(self.values)}

    def at(self, slot: int) -> float | None:
        """Return the load of a slot; None if it is not known."""
        index = slot - self.first
        return self.values[index] if 0 <= index < len(self.values) else None

    @property
    def enough(self) -> bool:
        """Say whether three days of load are known: before, nothing is forecast."""
        return len(self.values) >= NEEDED and len(self.values) - self.values.count(None) >= NEEDED

    def noted(self, slot: int, load: float) -> History:
        """Return the history with a later slot's load; what is older than three weeks is dropped."""
        if not self.values:
            return History(slot, (round(load, 3),))
        gap = slot - self.first - len(self.values)
        if gap < 0:
            return self
        if gap >= _KEPT:
            return History(slot, (round(load, 3),))
        values = (*self.values, *([None] * gap), round(load, 3))
        dropped = max(0, len(values) - _KEPT)
        return History(self.first + dropped, values[dropped:])

    def expected(self, slot: int) -> float | None:
        """Return the load that a slot will have; None if that cannot be told."""
        weeks = [load for back in range(1, 4) if (load := self.at(slot - back * _WEEK)) is not None]
        days = [load for back in range(1, 4) if (load := self.at(slot - back * _DAY)) is not None]
        alike = weeks or days
        return sum(alike) / len(alike) if alike else None


def slot_of(now: float) -> int:
    """Return the slot that a time is in."""
    return int(now // SLOT)


def load_of(loads: Sequence[Load], initialisation: float) -> float | None:
    """Return the load of a group now; instances that still initialise are taken to do as the others. None if it is not measured."""
    measured = [load for load in loads if load.utilisation is not None]
    grown = [
        load.utilisation for load in measured if load.age >= initialisation and load.utilisation is not None
    ]
    return sum(grown) / len(grown) * len(measured) if grown else None


def need(history: History, now: float, *, target: float, lead: float) -> Need | None:
    """Return what the greatest load until `lead` seconds from now asks for: that long instances take to be of use. None: no forecast."""
    if not history.enough:
        return None
    slots = range(slot_of(now), slot_of(now + lead) + 1)
    forecasts = [(load, slot) for slot in slots if (load := history.expected(slot)) is not None]
    if not forecasts:
        return None
    load, slot = max(forecasts, key=lambda each: each[0])
    size = math.ceil(load / target - NOISE)
    at = rfc3339(max(now, slot * SLOT))[11:16]
    return Need(
        size=size, reason=f"forecast for {at} UTC: ceil({load:.2f} instances' CPU / {target:g}) = {size}"
    )
