"""Ports that do not meet: where the service listens, where the checks ask, where the forwarding rule sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.diagnosis.finding import Finding
from scripts.diagnosis.script_causes import names

if TYPE_CHECKING:
    from scripts.diagnosis.facts import Check, Facts, Instance


def listening(facts: Facts, instance: Instance) -> int | None:
    """Return the port the service listens on there: as it said itself, or as the template tells it to."""
    if instance.run is not None and instance.run.port is not None:
        return instance.run.port
    return facts.service_port


def found(facts: Facts) -> list[Finding]:
    """Return the mismatches; the side that is alone with its port is taken for the wrong one."""
    known = [(one, port) for one in facts.instances if (port := listening(facts, one)) is not None]
    wrong = [
        check for check in facts.checks if check.port and _alone(facts, check, [port for _, port in known])
    ]
    rest = [check for check in facts.checks if check.port and check not in wrong]
    ports = {check.port for check in rest} or {
        low for rule in facts.forwarding_rules for low, _ in rule.ports
    }
    # The sample service listens on one port; checks on another one are a second listener's where they are answered.
    astray = [
        (one, port)
        for one, port in known
        if ports and port not in ports and any(one.verdict(check.role) != "HEALTHY" for check in rest)
    ]
    return [
        *(_check(facts, check, sorted({port for _, port in known})) for check in wrong),
        *_service(astray, sorted(port for port in ports if port is not None)),
        *_forwarding(facts, [port for one, port in known if (one, port) not in astray]),
        *_named(facts, [port for _, port in known]),
    ]


def _alone(facts: Facts, check: Check, ports: list[int]) -> bool:
    """Say whether a check asks where nobody is: it fails everywhere, and the other check agrees with the service or is answered."""
    if not facts.instances or any(one.verdict(check.role) == "HEALTHY" for one in facts.instances):
        return False
    others = [other for other in facts.checks if other.role != check.role and other.port != check.port]
    if ports:
        return check.port not in ports and any(other.port in ports for other in others)
    return any(
        all(one.verdict(other.role) == "HEALTHY" for one in facts.instances if one.status == "RUNNING")
        for other in others
    )


def _check(facts: Facts, check: Check, ports: list[int]) -> Finding:
    right = (
        ports[0] if ports else next((other.port for other in facts.checks if other.role != check.role), None)
    )
    flag = check.protocol.lower()
    return Finding(
        code="check-port-wrong",
        severity="error",
        subject=check.name,
        what=f"the {check.role} check asks port {check.port}, and the service listens on {right}",
        consequence="every instance fails it: "
        + (
            "the group recreates them again and again" if check.role == "autohealing" else "none gets traffic"
        ),
        mend=f"gcloud compute health-checks update {flag} {check.name} {check.place} --port={right} --project={facts.group.project}",
    )


def _service(astray: list[tuple[Instance, int]], ports: list[int]) -> list[Finding]:
    if not astray:
        return []
    wanted = " and ".join(map(str, ports))
    said = sorted({port for _, port in astray})
    hit = [one for one, _ in astray]
    return [
        Finding(
            code="service-port-wrong",
            severity="error",
            subject=names(hit),
            what=f"the service on {names(hit)} listens on port {' and '.join(map(str, said))}, and is checked on {wanted}",
            consequence="nobody answers there: no traffic, and autohealing recreates what would come up the same",
            mend=f"make the start-up script have it listen on {wanted} (metadata entry service-port), then: pulumi up && "
            f"scripts/doctor shell {hit[0].name} --rerun",
            evidence=tuple(f"{one.name}: says it listens on port {port}" for one, port in astray),
        )
    ]


def _forwarding(facts: Facts, ports: list[int]) -> list[Finding]:
    return [
        Finding(
            code="forwarding-port-wrong",
            severity="error",
            subject=rule.name,
            what=f"the forwarding rule {rule.name} takes port {_words(rule.ports)}, and the service listens on "
            f"{' and '.join(map(str, sorted(set(ports))))}; a passthrough balancer does not translate ports",
            consequence="clients are refused by healthy instances",
            mend="name the service's port in mig-nlb:load_balancer, frontends, in the stack's file, then: pulumi up",
        )
        for rule in facts.forwarding_rules
        if ports and rule.ports and not any(low <= port <= high for port in ports for low, high in rule.ports)
    ]


def _named(facts: Facts, ports: list[int]) -> list[Finding]:
    # A service that is on its way to another port says so above; here only what contradicts everything else.
    wanted = {*ports, *(check.port for check in facts.checks)}
    return [
        Finding(
            code="named-port-differs",
            severity="note",
            subject=f"{facts.group.name}:{name}",
            what=f"the group's named port {name} is {port}; the checks ask {_ports(facts)}",
            consequence="none for a passthrough balancer, which does not use it; a proxy would send there",
            mend=f"gcloud compute instance-groups set-named-ports {facts.group.name} {facts.group.place} "
            f"--named-ports={name}:{_ports(facts)} --project={facts.group.project}",
        )
        for name, port in facts.group.named_ports
        if port not in wanted
    ]


def _ports(facts: Facts) -> str:
    return " and ".join(str(port) for port in sorted({check.port for check in facts.checks if check.port}))


def _words(ranges: tuple[tuple[int, int], ...]) -> str:
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)
