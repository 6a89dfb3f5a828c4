"""What the campaign of deaths found, on docs/when-things-die.md: made from the results' file, which the campaign writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.docs.fences import ROOT
from tests.docs.written_part import WrittenPart
from tests.localcloud.crash import results

if TYPE_CHECKING:
    from collections.abc import Mapping


def told(found: Mapping[str, Any]) -> str:
    """Return the figures in words, and who died how often."""
    back = found["back"]
    victims = "".join(f"| {who} | {count} |\n" for who, count in found["victims"].items())
    return (
        f"**{found['deaths']} deaths** in {found['clouds']} clouds ({found['when']}, {found['machine']}, on average {found['load']:g} "
        f"processes that wanted one; {found['speed']:g} cloud seconds in a second): every promise was kept. "
        f"{found['acknowledged']} requests were acknowledged and kept, {found['lost']} broke off; {found['echoes']} lines were echoed on "
        f"connections that stayed, the last to come after {found['longest_echo']:g} s, and {found['connections']} new connections were "
        f"made, the slowest within {found['longest_connect']:g} s.\n\n"
        f"Of {back['count']} deaths of the daemon, {back['within_target']} were over within {results.TARGET:g} s: another daemon had "
        f"everything adopted and answered. Median {back['median']:g} s, 90 % {back['p90']:g} s, 99 % {back['p99']:g} s, longest "
        f"{back['longest']:g} s, the wait for a processor included.\n\n"
        f"| who died | times |\n| --- | --- |\n{victims}"
    )


def made() -> str:
    """Return what the last campaign found."""
    return told(results.read())


PART = WrittenPart(ROOT / "docs/when-things-die.md", made)
