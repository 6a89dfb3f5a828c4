"""Probes and clients that the firewall keeps out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.prober_ranges import AUTOHEALING_PROBERS, PASSTHROUGH_PROBERS
from scripts.diagnosis.finding import Finding
from scripts.diagnosis.firewall import IMPLIED, blocked, opens

if TYPE_CHECKING:
    from scripts.diagnosis.facts import Check, Facts, ForwardingRule

PROBERS = {"autohealing": AUTOHEALING_PROBERS, "balancer": PASSTHROUGH_PROBERS}


def found(facts: Facts) -> list[Finding]:
    """Return the blocked prober ranges by check, and forwarding rules that nobody can reach."""
    probes = [finding for check in facts.checks if check.port for finding in _probes(facts, check)]
    return [*probes, *(finding for rule in facts.forwarding_rules for finding in _clients(facts, rule))]


def _probes(facts: Facts, check: Check) -> list[Finding]:
    assert check.port is not None  # noqa: S101  for the type checker: such checks were chosen
    shut = [
        part for source in PROBERS[check.role] for part in blocked(facts.firewall, "tcp", check.port, source)
    ]
    if not shut:
        return []
    ranges = ", ".join(part for part, _ in shut)
    rules = sorted({rule for _, rule in shut})
    then = (
        "the group recreates instances whose service is well"
        if check.role == "autohealing"
        else "the balancer sends nobody to instances whose service is well"
    )
    if check.role == "autohealing" and not facts.group.heals:
        then = "autohealing calls instances unhealthy whose service is well"
    denying = [rule for rule in rules if rule != IMPLIED]
    name = f"{facts.group.name}-{check.role}-probes"
    mend = (
        f"gcloud compute firewall-rules create {name} --network={facts.network} --direction=INGRESS "
        f"--source-ranges={','.join(PROBERS[check.role])} --allow=tcp:{check.port} --project={facts.group.project}"
    )
    if denying:
        mend = f"gcloud compute firewall-rules describe {denying[0]} --project={facts.group.project}  # and take the probers out of it"
    return [
        Finding(
            code="firewall-blocks-probes",
            severity="error",
            subject=check.name,
            what=f"the firewall keeps the {check.role} probers {ranges} from port {check.port} (by {', '.join(rules)})",
            consequence=f"probes get no answer and {then}",
            mend=mend + ("  # and pulumi up --refresh, if the stack has such a rule" if not denying else ""),
        )
    ]


def _clients(facts: Facts, rule: ForwardingRule) -> list[Finding]:
    protocol = rule.protocol.lower()
    if protocol not in {"tcp", "udp"}:
        return []
    # A range is reached through its first port as well as any; a rule of every port is nobody's in particular.
    shut = [low for low, _ in rule.ports if not opens(facts.firewall, protocol, low)]
    if not shut:
        return []
    ports = ",".join(f"{protocol}:{port}" for port in shut)
    return [
        Finding(
            code="firewall-blocks-clients",
            severity="error",
            subject=rule.name,
            what=f"no firewall rule lets anybody connect to {ports}, which {rule.name} forwards",
            consequence=f"every connection to {rule.address} times out",
            mend=f"gcloud compute firewall-rules create {facts.group.name}-clients --network={facts.network} --direction=INGRESS "
            f"--source-ranges=CLIENTS --allow={ports} --project={facts.group.project}",
        )
    ]
