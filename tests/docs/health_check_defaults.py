"""The table of the two checks' defaults in docs/health-check-values.md, made from the components."""

from __future__ import annotations

from components.health_probe import AUTOHEALING_DEFAULT, BALANCER_DEFAULT
from tests.docs.fences import ROOT
from tests.docs.written_part import WrittenPart

HEADS = ("check", "interval", "time-out", "failures", "interval x failures", "silent death noticed after")


def table() -> str:
    """Return the table in Markdown."""
    lines = [" | ".join(HEADS), " | ".join("---" for _ in HEADS)]
    for name, probe in (("`balancer_check`", BALANCER_DEFAULT), ("`autohealing_check`", AUTOHEALING_DEFAULT)):
        bounds = probe.silent_death
        cells = (
            name,
            f"{probe.check_interval_sec} s",
            f"{probe.timeout_sec} s",
            str(probe.unhealthy_threshold),
            f"{probe.window_sec} s",
            f"{bounds.min_sec} to {bounds.max_sec} s",
        )
        lines.append(" | ".join(cells))
    return "".join(f"| {line} |\n" for line in lines)


PART = WrittenPart(ROOT / "docs/health-check-values.md", table)
