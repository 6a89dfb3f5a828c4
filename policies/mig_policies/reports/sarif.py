"""SARIF 2.1.0, for code scanning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pulumi_policy import EnforcementLevel

from mig_policies.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mig_policies.reports.events import Finding, Run
    from mig_policies.reports.places import Place, Places
    from mig_policies.rule import Rule

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# GitHub's scale for tools that report on security.
_SCORES: Final = {"low": "3.0", "medium": "5.0", "high": "8.0", "critical": "9.5"}


def sarif(run: Run, rules: Iterable[Rule], places: Places) -> dict[str, Any]:
    """Return the run as a SARIF log; findings about resources without a known place have a logical location only."""
    catalogue = list(rules)
    known = {rule.id for rule in catalogue}
    others = sorted({finding.rule for finding in run.findings} - known)
    descriptors = [_descriptor(rule) for rule in catalogue] + [{"id": rule} for rule in others]
    index = {descriptor["id"]: position for position, descriptor in enumerate(descriptors)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": run.pack, "rules": descriptors}},
                "invocations": [
                    {
                        "executionSuccessful": run.judged and not run.not_run,
                        "toolExecutionNotifications": [
                            {"level": "error", "message": {"text": text}}
                            for text in (*run.not_run, *run.errors)
                        ],
                    }
                ],
                "results": [
                    _result(finding, index[finding.rule], places.get(finding.urn, ()))
                    for finding in run.findings
                ],
            }
        ],
    }


def _descriptor(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.description},
        "help": {
            "text": f"{rule.remediation}\n{rule.url}",
            "markdown": f"{rule.remediation} [Google's page]({rule.url})",
        },
        "helpUri": rule.url,
        "defaultConfiguration": {"level": "error" if rule.level is EnforcementLevel.MANDATORY else "warning"},
        "properties": {"tags": [rule.scope], "security-severity": _SCORES[rule.severity.value]},
    }


def _result(finding: Finding, index: int, places: tuple[Place, ...]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        # "open" is SARIF's word for what could not be decided.
        "kind": "open" if finding.outcome is Outcome.UNDETERMINED else "fail",
        "level": "none"
        if finding.outcome is Outcome.UNDETERMINED
        else "error"
        if finding.mandatory
        else "warning",
        "message": {"text": finding.message},
        "locations": [
            {
                "logicalLocations": [
                    {"name": finding.resource, "fullyQualifiedName": finding.urn, "kind": "resource"}
                ],
                **({"physicalLocation": _physical(places[0])} if places else {}),
            }
        ],
        "partialFingerprints": {"ruleAndResource/v1": f"{finding.rule}|{finding.urn}"},
    }
    if len(places) > 1:
        frames = [{"location": {"physicalLocation": _physical(place)}} for place in places]
        result["stacks"] = [{"message": {"text": "declared by"}, "frames": frames}]
    if finding.outcome is Outcome.EXEMPT:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": finding.message}
        ]
    return result


def _physical(place: Place) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": quote(place.file), "uriBaseId": "%SRCROOT%"}}
    if place.line is not None:
        location["region"] = {"startLine": place.line}
    return location
