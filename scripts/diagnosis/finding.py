"""One thing that is wrong: what, what follows from it, and the command that mends it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")

# Causes before what they cause: a lower number explains higher ones.
CAUSE = {
    "permission-missing": 10,
    "scope-missing": 11,
    "startup-script-missing": 12,
    "google-unreachable": 13,
    "instance-creation-failed": 15,
    "startup-script-failed": 20,
    "service-port-wrong": 30,
    "check-port-wrong": 31,
    "forwarding-port-wrong": 32,
    "firewall-blocks-probes": 40,
    "firewall-blocks-clients": 41,
    "check-request-wrong": 50,
    "service-fails-checks": 51,
    "autohealing-too-eager": 55,
    "instance-silent": 60,
    "instance-being-recreated": 65,
    "instance-not-ready": 70,
    "startup-script-running": 71,
    "autoscaler-failed": 75,
    "autoscaler-at-max": 76,
    "template-not-rolled": 80,
    "group-size-differs": 85,
    "named-port-differs": 90,
    "repair-off": 91,
    "autoscaler-limited": 92,
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`code` is stable, for programs; `subject` names the resources; `evidence` quotes what was seen, line by line."""

    code: str
    severity: Severity
    subject: str
    what: str
    consequence: str
    mend: str
    evidence: tuple[str, ...] = ()

    def order(self) -> tuple[int, int, str]:
        """Sort by this: what hurts before what may hurt, causes before what follows from them."""
        return SEVERITIES.index(self.severity), CAUSE[self.code], self.subject

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**asdict(self), "evidence": list(self.evidence)}
