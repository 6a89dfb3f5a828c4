"""How many instances a load needs: Google's arithmetic. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Rounding noise must not add an instance: 3 x 0.6 / 0.6 is 3.
NOISE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Load:
    """One instance of the group: its utilisation (1.0 is all it is allotted; None: not measured) and for how long it has been running."""

    instance: str
    utilisation: float | None
    age: float
    id: str = ""

    def measured(self, utilisation: float | None) -> Load:
        """Return the same instance by another measure."""
        return replace(self, utilisation=utilisation)


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a signal asks for. `size` None: it cannot tell, so it gives no reason to shrink.

    `detail` is the statusDetails type that says so; `utilisation` is the mean of the `count` instances that counted.
    """

    size: int | None
    reason: str
    detail: str = ""
    utilisation: float | None = None
    count: int = 0


def by_utilisation(
    loads: Sequence[Load],
    current: int,
    target: float,
    initialisation: float,
    *,
    unit: Callable[[float], str] = "{:.0%}".format,
) -> Need:
    """Return how many instances have the load at the target when it is spread evenly: ceil(n x mean / target).

    Instances younger than the initialisation period give no reason to grow, but their load counts against shrinking.
    """
    measured = [load for load in loads if load.utilisation is not None]
    grown = [
        load.utilisation for load in measured if load.age >= initialisation and load.utilisation is not None
    ]
    everything = sum(load.utilisation for load in measured if load.utilisation is not None)
    if not measured:
        return Need(size=None, reason=f"no CPU measured yet: stays at {current}")
    needed = math.ceil(sum(grown) / target - NOISE) if grown else 0
    if grown and needed > current:
        mean = sum(grown) / len(grown)
        text = _arithmetic(len(grown), mean, target, needed, unit)
        return Need(size=needed, reason=text, utilisation=mean, count=len(grown))
    # Shrinking: the young count, and what is not measured is taken to be at its target.
    unmeasured = max(0, current - len(measured))
    needed = min(current, max(needed, math.ceil((everything + unmeasured * target) / target - NOISE)))
    mean = everything / len(measured)
    text = _arithmetic(len(measured), mean, target, needed, unit)
    if unmeasured:
        text += f" ({unmeasured} not measured, taken to be at the target)"
    return Need(size=needed, reason=text, utilisation=mean, count=len(measured))


def _arithmetic(count: int, mean: float, target: float, needed: int, unit: Callable[[float], str]) -> str:
    word = "instance" if count == 1 else "instances"
    return f"{count} {word} at {unit(mean)} of target {unit(target)}: ceil({count} x {mean:.2f} / {target:g}) = {needed}"
