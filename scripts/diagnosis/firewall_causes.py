"""Probes and clients that the firewall keeps out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.prober_ranges import AUTOHEALING_PROBERS, PASSTHROUGH_PROBERS, PASSTHROUGH_PROBERS_IPV6
from scripts.diagnosis.finding import Finding
from scripts.diagnosis.firewall import IMPLIED, blocked, opens

if TYPE_CHECKING:
    from scripts.diagnosis.facts import Check, Facts, ForwardingRule


def found(facts: Facts) -> list[Finding]:
    """Return the blocked prober ranges by check, and forwarding rules that nobody can reach."""
    probes = [
        finding
        for check in facts.checks
        if check.port
        for sources in probers(facts, check)
        for finding in _probes(facts, check, sources)
    ]
    return [*probes, *(finding for rule in facts.forwarding_rules for finding in _clients(facts, rule))]


def probers(facts: Facts, check: Check) -> list[tuple[str, ...]]:
    """Return where a check's probes come from, one list per version of IP: a firewall rule takes one of both.

    Autohealing asks over IPv4; the balancer asks over what its forwarding rules' addresses are.
    """
    if check.role == "autohealing":
        return [AUTOHEALING_PROBERS]
    sixes = [":" in rule.address for rule in facts.forwarding_rules]
    found: list[tuple[str, ...]] = [PASSTHROUGH_PROBERS] if not sixes or not all(sixes) else []
    return [*found, PASSTHROUGH_PROBERS_IPV6] if any(sixes) else found


def _probes(facts: Facts, check: Check, sources: tuple[str, ...]) -> list[Finding]:
    assert check.port is not None  # noqa: S101  for the type checker: such checks were chosen
    shut = [part for source in sources for part in blocked(facts.firewall, "tcp", check.port, source)]
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
    name = f"{facts.group.name}-{check.role}-probes{'-v6' if ':' in sources[0] else ''}"
    mend = (
        f"gcloud compute firewall-rules create {name} --network={facts.network} --direction=INGRESS "
        f"--source-ranges={','.join(sources)} --allow=tcp:{check.port} --project={facts.group.project}"
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
