"""What became of the requests of one situation, against what was to be expected."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.localcloud.loop.load import Request

# How far chance may take a count from what is expected: four times its standard deviation, and this many where that is less.
_DEVIATIONS, _FEW = 4, 3


@dataclass(frozen=True)
class Situation:
    """So many failed, and so many might.

    `failed` of `requests` did; `least` to `most` may. `expected` is the closed form's figure. `promise`: in words.
    """

    name: str
    promise: str
    requests: int
    failed: int
    expected: float
    least: float
    most: float
    examples: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether as many failed as may."""
        return self.requests > 0 and self.least <= self.failed <= self.most

    def figures(self) -> dict[str, Any]:
        """Return it for a summary."""
        return {**asdict(self), "kept": self.kept}


def none_of(name: str, promise: str, requests: Sequence[Request]) -> Situation:
    """Return a situation of which no request may fail."""
    failed = [
        f"{each.trouble} ({each.instance or 'nobody'}, held {each.held:.2f} s)"
        for each in requests
        if each.trouble
    ]
    return Situation(name, promise, len(requests), len(failed), 0, 0, 0, failed[:5])


def about(
    name: str,
    promise: str,
    requests: int,
    failed: int,
    expected: float,
    *,
    least: float = -1,
    most: float = -1,
) -> Situation:
    """Return a situation of which so many should fail, give or take what chance does; `least` and `most`: as expected unless said."""
    least, most = (expected if least < 0 else least), (expected if most < 0 else most)
    spread = [max(_FEW, _DEVIATIONS * math.sqrt(each)) for each in (least, most)]
    return Situation(
        name,
        promise,
        requests,
        failed,
        round(expected, 1),
        round(least - spread[0], 1),
        round(most + spread[1], 1),
    )
