"""From facts to findings, the most likely root cause first. Pure: nothing is asked or read here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.diagnosis import (
    firewall_causes,
    group_causes,
    health_causes,
    port_causes,
    reach_causes,
    script_causes,
)
from scripts.diagnosis.finding import Finding

if TYPE_CHECKING:
    from scripts.diagnosis.facts import Facts


def diagnose(facts: Facts) -> list[Finding]:
    """Return all findings in order; what only follows from a cause that was found is not told again."""
    causes = [*reach_causes.found(facts), *script_causes.found(facts), *port_causes.found(facts)]
    # A check that asks a port nobody listens on would be shut out as well: the port is what is wrong.
    misdirected = {finding.subject for finding in causes if finding.code == "check-port-wrong"}
    causes += [finding for finding in firewall_causes.found(facts) if finding.subject not in misdirected]
    causes += health_causes.requests(facts, causes)
    rest = [
        *health_causes.eagerness(facts),
        *health_causes.instances(facts, causes),
        *group_causes.found(facts),
    ]
    return sorted([*causes, *rest], key=Finding.order)


def wrong(findings: list[Finding]) -> bool:
    """Say whether anything is wrong; notes are not."""
    return any(finding.severity != "note" for finding in findings)
