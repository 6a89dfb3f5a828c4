"""Numbers of a group's instances, given fixed or as a percentage of its size (FixedOrPercent). Shared by API and controllers.

Google rounds what percentages of an update's limits come to. A version's share is rounded up, in favour of the version that has one: of
two instances 60 % are both (so the official provider's documentation). Where Google says nothing, half is rounded up.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def limit(value: Mapping[str, Any] | None, size: int, default: int) -> int:
    """Return maxSurge or maxUnavailable as a number of instances of a group of this size; `default` where neither is given."""
    value = value or {}
    if value.get("fixed") is not None:
        return int(value["fixed"])
    if value.get("percent") is not None:
        return math.floor(size * int(value["percent"]) / 100 + 0.5)
    return default


def share(value: Mapping[str, Any], size: int) -> int | None:
    """Return a version's targetSize as a number of instances, never more than there are; None where it takes the rest."""
    if value.get("fixed") is not None:
        return min(size, int(value["fixed"]))
    if value.get("percent") is not None:
        return min(size, math.ceil(size * int(value["percent"]) / 100))
    return None
