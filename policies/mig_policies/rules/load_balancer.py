"""LB: the external passthrough network load balancer in front of the group."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from mig_policies.pairing import balancing_check
from mig_policies.ports import PortSet, parse_ports
from mig_policies.rule import (
    ADVISORY,
    HIGH,
    LOW,
    MANDATORY,
    MEDIUM,
    Parameter,
    Parameters,
    ResourceRule,
    StackRule,
    Stricter,
)
from mig_policies.stack import Outside, Stack
from mig_policies.tokens import (
    BACKEND_SERVICES,
    FORWARDING_RULE,
    GROUP_MANAGERS,
    REGION_BACKEND_SERVICE,
    REGION_HEALTH_CHECK,
)
from mig_policies.values import Undetermined
from mig_policies.verdict import Verdict, decide, not_applicable, passed, undetermined, violated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mig_policies.resource import Resource

SERVICE_PAGE: Final = "https://docs.cloud.google.com/load-balancing/docs/backend-service"
TRAFFIC_PAGE: Final = (
    "https://docs.cloud.google.com/load-balancing/docs/network/ext-netlb-traffic-distribution"
)
DRAINING_PAGE: Final = "https://docs.cloud.google.com/load-balancing/docs/enabling-connection-draining"
CHECKS_PAGE: Final = "https://docs.cloud.google.com/load-balancing/docs/health-check-concepts"
NETWORK_PAGE: Final = "https://docs.cloud.google.com/load-balancing/docs/network/networklb-backend-service"
LOGGING_PAGE: Final = "https://docs.cloud.google.com/load-balancing/docs/network/networklb-monitoring"

# What a forwarding rule of each protocol may send to.
_SERVES: Final = {
    "TCP": ("TCP", "UNSPECIFIED"),
    "UDP": ("UDP", "UNSPECIFIED"),
    "L3_DEFAULT": ("UNSPECIFIED",),
}


def is_passthrough(service: Resource) -> bool:
    """Tell whether a backend service belongs to an external passthrough balancer."""
    return (
        service.type == REGION_BACKEND_SERVICE
        and service.props.text("loadBalancingScheme", "INTERNAL") == "EXTERNAL"
    )


def _one_regional_check(service: Resource, stack: Stack, _: Parameters) -> Verdict:
    if not is_passthrough(service):
        return not_applicable(f"{service.label} is not an external passthrough balancer's")
    value = service.props.raw("healthChecks")
    if isinstance(value, list) and len(value) > 1:
        return violated(f"{service.label}: {len(value)} health checks, required exactly 1")
    check = balancing_check(service, stack)
    if check is None:
        return violated(
            f"{service.label}: no health check, required 1; it would go on sending to dead instances"
        )
    if isinstance(check, Outside):
        if check.link.scope is None:
            return undetermined(
                f"{service.label}: whether health check {check.label} is regional cannot be told"
            )
        if check.link.scope == "global":
            return violated(f"{service.label}: health check {check.label} is global, required a regional one")
        return passed(f"{service.label}: one regional check")
    if check.type != REGION_HEALTH_CHECK:
        return violated(f"{service.label}: {check.label} is global, required a regional one")
    return passed(f"{service.label}: one regional check, {check.label}")


def _protocols_agree(service: Resource, stack: Stack, parameters: Parameters) -> Iterator[Verdict]:
    schemes = parameters.texts("schemes")
    scheme = service.props.text("loadBalancingScheme", "INTERNAL")
    if scheme not in schemes:
        yield violated(f"{service.label}: loadBalancingScheme {scheme}, required {' or '.join(schemes)}")
        return
    # What is written counts here: on Google Cloud an unset protocol has a value too, only not the one that is meant.
    protocol = (
        service.declaration.text("protocol", None)
        if service.declared is not None
        else service.props.text("protocol", None)
    )
    if protocol is None:
        yield violated(
            f"{service.label}: protocol unset, required TCP, UDP or UNSPECIFIED; the default is HTTP"
        )
        return
    if protocol not in {"TCP", "UDP", "UNSPECIFIED"}:
        yield violated(f"{service.label}: protocol {protocol}, required TCP, UDP or UNSPECIFIED")
        return
    yield passed(f"{service.label}: protocol {protocol}")
    by_service, unresolved = stack.derive(_forwarding_rules)
    for rule in by_service.get(service.urn, ()):
        yield from decide(partial(_rule_agrees, rule, service, protocol))
    yield from unresolved


def _forwarding_rules(stack: Stack) -> tuple[dict[str, list[Resource]], list[Verdict]]:
    """Return forwarding rules by the URN of the service they send to, and what is to be said of those that may send anywhere."""
    by_service: dict[str, list[Resource]] = {}
    unresolved: list[Verdict] = []
    for rule in stack.of({FORWARDING_RULE}):
        value = rule.props.raw("backendService")
        if value is None:
            continue
        try:
            service = stack.follow(rule, "backendService", value, BACKEND_SERVICES)
        except Undetermined as doubt:
            unresolved.append(undetermined(str(doubt)))
        else:
            if not isinstance(service, Outside):
                by_service.setdefault(service.urn, []).append(rule)
    return by_service, unresolved


def _rule_agrees(rule: Resource, service: Resource, protocol: str) -> Verdict:
    front = rule.props.text("ipProtocol", "TCP")
    allowed = _SERVES.get(front, ())
    if protocol in allowed:
        return passed(f"{rule.label} ({front}) and {service.label} ({protocol}) agree")
    return violated(
        f"{rule.label} has ipProtocol {front}, {service.label} has protocol {protocol}, "
        f"required {' or '.join(allowed) or 'a protocol of a passthrough balancer'}"
    )


def _balances_connections(service: Resource, _: Parameters) -> Iterator[Verdict]:
    if not is_passthrough(service):
        yield not_applicable(f"{service.label} is not an external passthrough balancer's")
        return
    for position, backend in enumerate(service.props.blocks("backends")):
        mode = backend.text("balancingMode", None)
        if mode == "CONNECTION":
            yield passed(f"{service.label}: backend {position} balances connections")
        else:
            yield violated(
                f"{service.label}: backend {position} has balancingMode {mode or 'unset (the default is UTILIZATION)'}, "
                "required CONNECTION"
            )


def _drains(service: Resource, parameters: Parameters) -> Verdict:
    if not is_passthrough(service):
        return not_applicable(f"{service.label} is not an external passthrough balancer's")
    draining = service.props.integer("connectionDrainingTimeoutSec", None)
    least = max(1, parameters.number("drainSeconds"))
    if draining is None:
        return violated(f"{service.label}: connectionDrainingTimeoutSec unset, required {least:g} to 3600")
    if not least <= draining <= 3600:
        return violated(
            f"{service.label}: connectionDrainingTimeoutSec {draining}, required {least:g} to 3600"
        )
    return passed(f"{service.label}: connections drain for {draining} s")


def _chooses_what_unhealthy_means(service: Resource, _: Parameters) -> Iterator[Verdict]:
    if not is_passthrough(service):
        yield not_applicable(f"{service.label} is not an external passthrough balancer's")
        return
    persistence = service.props.text(
        "connectionTrackingPolicy.connectionPersistenceOnUnhealthyBackends", None
    )
    if persistence == "ALWAYS_PERSIST":
        yield violated(
            f"{service.label}: connectionPersistenceOnUnhealthyBackends ALWAYS_PERSIST, required any other; "
            "connections would stay on instances that are down"
        )
    if service.props.get("failoverPolicy.dropTrafficIfUnhealthy") is None:
        yield violated(
            f"{service.label}: failoverPolicy.dropTrafficIfUnhealthy unset, required a choice; unset, every instance gets "
            "traffic when none is healthy"
        )
    else:
        yield passed(f"{service.label}: says what happens when no instance is healthy")


def _ports_allowed(rule: Resource, parameters: Parameters) -> Verdict:
    if rule.props.text("loadBalancingScheme", "EXTERNAL") != "EXTERNAL":
        return not_applicable(f"{rule.label} is not an external passthrough balancer's")
    allowed = PortSet.union(parse_ports(text) for text in parameters.texts("allowedPorts"))
    if rule.props.flag("allPorts", default=False):
        return violated(f"{rule.label}: allPorts true, required only ports {allowed}")
    texts = rule.props.texts("ports")
    port_range = rule.props.text("portRange", None)
    forwarded = PortSet.union(parse_ports(text) for text in (*texts, *([port_range] if port_range else [])))
    if not forwarded:
        return violated(f"{rule.label}: no port named, required ports out of {allowed}")
    beyond = forwarded - allowed
    if beyond:
        return violated(f"{rule.label}: forwards port {beyond}, required only {allowed}")
    return passed(f"{rule.label}: forwards {forwarded}")


def _is_a_backend(group: Resource, stack: Stack, _: Parameters) -> Verdict:
    services = stack.services_of(group)
    if services:
        return passed(f"{group.label} is a backend of {services[0].label}")
    if stack.services_with_unknown_backends:
        maybe = stack.services_with_unknown_backends[0]
        return undetermined(
            f"{group.label} may be a backend of {maybe.label}, whose backends are not known yet"
        )
    return violated(
        f"{group.label} is a backend of no backend service of this stack, required one; nobody reaches it"
    )


def _logged(service: Resource, _: Parameters) -> Verdict:
    if service.props.flag("logConfig.enable", default=False):
        return passed(f"{service.label} logs connections")
    return violated(f"{service.label}: logConfig.enable false, required true")


LB01 = StackRule(
    id="LB01",
    title="The backend service has one regional health check",
    description="An external passthrough balancer's backend service must have exactly one health check, a regional one.",
    remediation="Set healthChecks to a RegionHealthCheck of the service's region.",
    url=CHECKS_PAGE,
    severity=HIGH,
    level=MANDATORY,
    types=BACKEND_SERVICES,
    look=_one_regional_check,
)
LB02 = StackRule(
    id="LB02",
    title="Scheme and protocols agree",
    description="The backend service must be external, name its protocol, and match its forwarding rules'.",
    remediation="Set loadBalancingScheme EXTERNAL and protocol TCP, UDP, or UNSPECIFIED for L3_DEFAULT rules.",
    url=SERVICE_PAGE,
    severity=HIGH,
    level=MANDATORY,
    types=frozenset({REGION_BACKEND_SERVICE}),
    parameters=(
        Parameter(
            name="schemes",
            description="Load balancing schemes that are allowed.",
            default=("EXTERNAL",),
            stricter=Stricter.FEWER,
        ),
    ),
    look=_protocols_agree,
)
LB03 = ResourceRule(
    id="LB03",
    title="Backends balance connections",
    description="Every backend of a passthrough balancer must have balancing mode CONNECTION, written out.",
    remediation="Set balancingMode to CONNECTION on each backend.",
    url=NETWORK_PAGE,
    severity=MEDIUM,
    level=MANDATORY,
    types=frozenset({REGION_BACKEND_SERVICE}),
    look=_balances_connections,
)
LB04 = ResourceRule(
    id="LB04",
    title="Connections drain",
    description="Open connections must be given time to end when an instance leaves, at least the application's own.",
    remediation="Set connectionDrainingTimeoutSec to the longest request's duration or more, and drainSeconds likewise.",
    url=DRAINING_PAGE,
    severity=MEDIUM,
    level=ADVISORY,
    types=frozenset({REGION_BACKEND_SERVICE}),
    parameters=(
        Parameter(
            name="drainSeconds",
            description="Seconds the application needs to finish what it has begun.",
            default=1,
            minimum=0,
            maximum=3600,
            stricter=Stricter.HIGHER,
        ),
    ),
    look=_drains,
)
LB05 = ResourceRule(
    id="LB05",
    title="What happens to unhealthy instances' connections is chosen",
    description="Connections should not persist on unhealthy instances, and what happens when none is healthy be chosen.",
    remediation="Avoid ALWAYS_PERSIST; set failoverPolicy.dropTrafficIfUnhealthy to true or false.",
    url=TRAFFIC_PAGE,
    severity=LOW,
    level=ADVISORY,
    types=frozenset({REGION_BACKEND_SERVICE}),
    look=_chooses_what_unhealthy_means,
)
LB06 = ResourceRule(
    id="LB06",
    title="Only the service's ports are forwarded",
    description="Forwarding rules must forward ports of the allowlist only, never all of them.",
    remediation="Name the ports, or add them to allowedPorts in the pack's configuration.",
    url=NETWORK_PAGE,
    severity=HIGH,
    level=MANDATORY,
    types=frozenset({FORWARDING_RULE}),
    parameters=(
        Parameter(
            name="allowedPorts",
            description="Ports and ranges (8000-8100) that may be forwarded.",
            default=("80", "443", "8080"),
            stricter=Stricter.FEWER,
        ),
    ),
    look=_ports_allowed,
)
LB07 = StackRule(
    id="LB07",
    title="The group is balanced",
    description="A managed instance group must be a backend of a backend service.",
    remediation="Add the group's instanceGroup to a backend service's backends.",
    url=NETWORK_PAGE,
    severity=MEDIUM,
    level=MANDATORY,
    types=GROUP_MANAGERS,
    look=_is_a_backend,
)
LB08 = ResourceRule(
    id="LB08",
    title="The balancer logs",
    description="The backend service should log a sample of its connections.",
    remediation="Set logConfig.enable to true, and sampleRate to what you are ready to pay for.",
    url=LOGGING_PAGE,
    severity=LOW,
    level=ADVISORY,
    types=BACKEND_SERVICES,
    look=_logged,
)

RULES = (LB01, LB02, LB03, LB04, LB05, LB06, LB07, LB08)
