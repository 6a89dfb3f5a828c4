"""What the campaign found, beside the documentation: sums that docs/when-things-die.md is made from."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.localcloud.loop.results import DOCS, machine, now

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.localcloud.crash.campaign import Campaign

SUMMARY = DOCS / "when-things-die.json"
TARGET = 2.0  # seconds until a daemon has adopted everything


def summary(found: Sequence[Campaign], speed: float, load: float) -> dict[str, Any]:
    """Return a campaign's figures. `load`: how many processes wanted this machine meanwhile, on average."""
    deaths = [death for each in found for death in each.deaths]
    back = sorted(death.back for death in deaths if death.back is not None)
    return {
        "when": now(),
        "machine": machine(),
        "load": round(load, 1),
        "speed": speed,
        "clouds": len(found),
        "deaths": len(deaths),
        "victims": dict(sorted(Counter(" and ".join(death.victims) for death in deaths).items())),
        "acknowledged": sum(each.acknowledged for each in found),
        "lost": sum(each.lost for each in found),
        "echoes": sum(death.echoed for death in deaths),
        "connections": sum(death.made for death in deaths),
        "longest_echo": round(max(death.gap for death in deaths), 3),
        "longest_connect": round(max(death.slowest for death in deaths), 3),
        "back": {
            "count": len(back),
            "within_target": sum(each <= TARGET for each in back),
            "median": round(back[len(back) // 2], 2),
            "p90": round(back[len(back) * 9 // 10], 2),
            "p99": round(back[len(back) * 99 // 100], 2),
            "longest": round(back[-1], 2),
        },
    }


def write(found: dict[str, Any], file: Path = SUMMARY) -> None:
    """Write the figures."""
    file.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read(file: Path = SUMMARY) -> dict[str, Any]:
    """Return the figures."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found
