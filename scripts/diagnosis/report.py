"""The report: for a person as text, for a program as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from scripts.diagnosis.health_causes import why

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scripts.diagnosis.facts import Autoscaler, Check, Facts, Instance
    from scripts.diagnosis.finding import Finding


def document(facts: Facts, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the report as JSON has it: group, instances, checks, autoscaler, script, unseen and findings, the first cause first."""
    return {
        "group": asdict(facts.group) | {"size": len(facts.instances), "serving": _serving(facts)},
        "instances": [asdict(one) | {"why": why(facts, one)} for one in facts.instances],
        "checks": [asdict(check) for check in facts.checks],
        "forwarding_rules": [asdict(rule) for rule in facts.forwarding_rules],
        "autoscaler": asdict(facts.autoscaler) if facts.autoscaler else None,
        "script": asdict(facts.script) if facts.script else None,
        "unseen": list(facts.unseen),
        "findings": [finding.document() for finding in findings],
    }


def text(facts: Facts, findings: Sequence[Finding]) -> str:
    """Return the report for a person."""
    group = facts.group
    where = group.place.partition("=")[2]
    lines = [
        (
            f"group       {group.name} ({where}, project {group.project}): {len(facts.instances)} instances of {group.target} wanted, "
            f"{_serving(facts)} serving, {'stable' if group.stable else 'changing'}"
        ),
        f"template    {', '.join(group.templates)} ({group.update_type})",
        *(f"check       {_check(check)}" for check in facts.checks),
        *(_autoscaler(facts.autoscaler) if facts.autoscaler else ()),
        *(
            [
                (
                    f"script      {facts.script.url}, read by {facts.script.access.account}: "
                    f"{facts.script.access.by or 'no binding seen'}"
                )
            ]
            if facts.script
            else []
        ),
        "",
        *_table([_HEAD, *(_row(facts, one) for one in facts.instances)]),
        "",
    ]
    for number, finding in enumerate(findings, 1):
        lines += [
            f"{number}. {finding.severity.upper()} {finding.code}: {finding.what}",
            f"   consequence: {finding.consequence}",
            f"   mend:        {finding.mend}",
            *(f"   | {line}" for line in finding.evidence),
            "",
        ]
    if not findings:
        lines += ["Nothing is wrong.", ""]
    lines += [f"not seen: {item}" for item in facts.unseen]
    return "\n".join(lines).rstrip("\n")


_HEAD = (
    "INSTANCE",
    "ZONE",
    "STATUS",
    "ACTION",
    "AUTOHEALING",
    "BALANCER",
    "SCRIPT",
    "TEMPLATE",
    "WHY THEY DIFFER",
)


def _row(facts: Facts, one: Instance) -> tuple[str, ...]:
    current = "wanted" if one.template in facts.group.templates else one.template
    return (
        one.name, one.zone, one.status, one.action, one.autohealing, one.balancer, _script(one), current, why(facts, one),
    )  # fmt: skip


def _script(one: Instance) -> str:
    if one.run is None:
        return "not run"
    if one.run.failure:
        return "failed" if one.run.exit_status is None else f"exit {one.run.exit_status}"
    return "exit 0" if one.run.exit_status == 0 else "ended" if one.run.finished else "running"


def _serving(facts: Facts) -> int:
    return sum(one.serving() for one in facts.instances)


def _check(check: Check) -> str:
    return (
        f"{check.role}: {check.request} on port {check.port or 'of a named port'}, every {check.interval} s, {check.unhealthy} failures "
        f"({check.window} s) condemn, {check.healthy} answers redeem ({check.name})"
    )


def _autoscaler(scaler: Autoscaler) -> list[str]:
    recommended = "nothing yet" if scaler.recommended is None else str(scaler.recommended)
    return [
        f"autoscaler  recommends {recommended}, may have {scaler.smallest} to {scaler.largest}; mode {scaler.mode}, {scaler.status}",
        *(f"            {kind}: {said}" for kind, said in scaler.details),
    ]


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
