"""What the campaign found, on docs/closed-loop.md: made from the results' file, which the campaign writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.docs.fences import ROOT
from tests.docs.written_part import WrittenPart
from tests.localcloud.loop import results

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def _ran(part: Mapping[str, Any]) -> str:
    return f"{part['when']}, {part['machine']}"


def trials(part: Mapping[str, Any]) -> str:
    """Return the trials' outcome, and how each step went."""
    counted = part["kept"] + part["broken"]
    share = part["kept"] / counted if counted else 0.0
    strata = ", ".join(
        f"{each['trials']} {each['name']}, {each['speed']:g} times as fast" for each in part["strata"]
    )
    words = (
        f"**{part['trials']} trials** ({_ran(part)}; {strata}): {part['kept']} of the {counted} "
        f"during which the machine was on time kept every promise, {share:.2%}; {part['broken']} did not; "
        f"{part['apart']} are counted apart, because the machine itself was late.\n\n"
    )
    heads = ("step", "timed", "beyond the least: median", "99 %", "longest")
    rows = [
        (name, step["count"], *(f"{step[figure]:.3f} s" for figure in ("median", "p99", "longest")))
        for name, step in part["steps"].items()
    ]
    return words + _table(heads, rows) + "\nSeconds of this machine's own time.\n"


def situations(part: Mapping[str, Any]) -> str:
    """Return what clients noticed of each situation."""
    words = (
        f"**Under load** ({_ran(part)}, {part['speed']:g} cloud seconds in a second; "
        f"the machine was late by {part['late_ms']} ms at most):\n\n"
    )
    rows = [
        (
            each["name"],
            each["promise"],
            each["requests"],
            each["failed"],
            f"{each['expected']:g}",
            "0" if each["most"] == 0 else f"{each['least']:g} to {each['most']:g}",
        )
        for each in part["situations"]
    ]
    heads = ("situation", "promised", "requests", "failed", "expected", "within")
    return (
        words
        + _table(heads, rows)
        + "\n![Share of requests that failed around an outage](zone-outages.svg)\n"
    )


def removals(part: Mapping[str, Any]) -> str:
    """Return the false removals by case."""
    words = f"**False removals** ({_ran(part)}, {part['removals']} of each case):\n\n"
    rows = [
        (
            each["name"],
            f"{each['expected']:.2f}",
            f"{each['measured']:.2f}",
            f"{each['measured'] / each['expected'] - 1:+.1%}",
        )
        for each in part["cases"]
    ]
    return words + _table(("case", "expected intervals", "measured", "off by"), rows)


def made() -> str:
    """Return what the campaign found, as far as it ran."""
    found = results.read()
    parts = {"trials": trials, "situations": situations, "false_removals": removals}
    return "\n".join(write(found[name]) for name, write in parts.items() if name in found)


PART = WrittenPart(ROOT / "docs/closed-loop.md", made)
