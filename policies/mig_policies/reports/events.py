"""The engine's event stream, read for what the policy pack found."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from mig_policies.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PREFIXED: Final = re.compile(
    r"^(?P<outcome>EXEMPT|UNDETERMINED) (?P<rule>[A-Z]+\d+): (?P<message>.*)$", re.DOTALL
)
# What the SDK and the engine say when a policy did not run; such a run must not count as passed.
_NOT_RUN: Final = re.compile("can't run (policy|remediation)")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing the pack said about one resource."""

    rule: str
    urn: str
    outcome: Outcome
    mandatory: bool
    severity: str
    description: str
    message: str

    @property
    def resource(self) -> str:
        """The resource's name."""
        return self.urn.rsplit("::", 1)[-1] or "the stack"


@dataclass(kw_only=True)
class Run:
    """What one run of the engine with the pack came to."""

    pack: str
    findings: list[Finding] = field(default_factory=list)
    # (rule, URN) of every resource rule passed, and (rule, "") of every rule about the whole stack.
    passed: list[tuple[str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)
    judged: bool = False
    result: str = ""

    def of(self, outcome: Outcome) -> list[Finding]:
        """Return the findings with an outcome."""
        return [finding for finding in self.findings if finding.outcome is outcome]

    @property
    def blocking(self) -> list[str]:
        """Why the gate is closed, one sentence each; empty if it is open."""
        reasons = [
            f"{finding.rule} {finding.outcome.value}: {finding.message}"
            for finding in self.findings
            if finding.mandatory and finding.outcome in {Outcome.VIOLATED, Outcome.UNDETERMINED}
        ]
        reasons += [f"not run: {message}" for message in self.not_run]
        if not self.judged:
            reasons.append(f"policy pack {self.pack} did not judge the stack as a whole")
        reasons += self.errors
        if self.result != "succeeded" and not reasons:
            reasons.append(f"the engine's run {self.result or 'did not end'}")
        return reasons


def read_events(lines: Iterable[str], pack: str, *, saved_state: bool = False) -> Run:
    """Read a stream of JSON events; lines that are none (the engine's other output) count as nothing.

    A preview says of each pack that it judged the stack as a whole. `pulumi policy analyze` (`saved_state`) does not, but its last
    event names the packs that were run over the state; a state without resources has no such event.
    """
    run = Run(pack=pack)
    for line in lines:
        event = _parse(line)
        if event is None:
            continue
        if "policyEvent" in event:
            _take_policy(run, event["policyEvent"])
        elif "policyAnalyzeSummaryEvent" in event:
            _take_passed(run, event["policyAnalyzeSummaryEvent"])
        elif "policyAnalyzeStackSummaryEvent" in event:
            summary = event["policyAnalyzeStackSummaryEvent"]
            run.judged = run.judged or summary.get("policyPackName") == pack
            _take_passed(run, summary)
        elif "diagnosticEvent" in event:
            _take_diagnostic(run, event["diagnosticEvent"])
        elif "summaryEvent" in event:
            summary = event["summaryEvent"]
            run.result = str(summary.get("result", ""))
            run.judged = run.judged or (saved_state and pack in summary.get("PolicyPacks", {}))
    return run


def _parse(line: str) -> Mapping[str, Any] | None:
    if not line.lstrip().startswith("{"):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _take_policy(run: Run, event: Mapping[str, Any]) -> None:
    text = str(event.get("message", "")).strip()
    if _NOT_RUN.search(text):
        run.not_run.append(text)
        return
    if event.get("policyPackName") != run.pack:
        return
    description, _, message = text.partition("\n")
    rule, outcome = str(event.get("policyName", "")), Outcome.VIOLATED
    prefixed = _PREFIXED.match(message)
    if prefixed is not None:
        rule, outcome, message = prefixed["rule"], Outcome[prefixed["outcome"]], prefixed["message"]
    run.findings.append(
        Finding(
            rule=rule,
            urn=str(event.get("resourceUrn", "")),
            outcome=outcome,
            mandatory=event.get("enforcementLevel") == "mandatory",
            severity=str(event.get("severity", "")),
            description=description,
            message=message or description,
        )
    )


def _take_passed(run: Run, summary: Mapping[str, Any]) -> None:
    if summary.get("policyPackName") == run.pack:
        urn = str(summary.get("resourceUrn", ""))
        run.passed += [(str(rule), urn) for rule in summary.get("passed") or ()]


def _take_diagnostic(run: Run, event: Mapping[str, Any]) -> None:
    text = str(event.get("message", "")).strip()
    if _NOT_RUN.search(text):
        run.not_run.append(text)
    elif event.get("severity") == "error" and text not in {"preview failed", "update failed"}:
        run.errors.append(text)
