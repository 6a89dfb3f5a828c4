"""LB: how the external passthrough network load balancer's parts fit together, and fit the group."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from mig_policies.forwarding import forwarding_rules, is_passthrough
from mig_policies.pairing import balancing_check
from mig_policies.ports import PortSet, parse_ports
from mig_policies.rule import (
    HIGH,
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
from mig_policies.verdict import Verdict, decide, not_applicable, passed, undetermined, violated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mig_policies.resource import Resource

SERVICE_PAGE: Final = "https://docs.cloud.google.com/load-balancing/docs/backend-service"
CHECKS_PAGE: Final = "https://docs.cloud.google.com/load-balancing/docs/health-check-concepts"
NETWORK_PAGE: Final = "https://docs.cloud.google.com/load-balancing/docs/network/networklb-backend-service"

# What a forwarding rule of each protocol may send to.
_SERVES: Final = {
    "TCP": ("TCP", "UNSPECIFIED"),
    "UDP": ("UDP", "UNSPECIFIED"),
    "L3_DEFAULT": ("UNSPECIFIED",),
}


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
    by_service, unresolved = stack.derive(forwarding_rules)
    for rule in by_service.get(service.urn, ()):
        yield from decide(partial(_rule_agrees, rule, service, protocol))
    for _, doubt in unresolved:
        yield undetermined(str(doubt))


def _rule_agrees(rule: Resource, service: Resource, protocol: str) -> Verdict:
    front = rule.props.text("ipProtocol", "TCP")
    allowed = _SERVES.get(front, ())
    if protocol in allowed:
        return passed(f"{rule.label} ({front}) and {service.label} ({protocol}) agree")
    return violated(
        f"{rule.label} has ipProtocol {front}, {service.label} has protocol {protocol}, "
        f"required {' or '.join(allowed) or 'a protocol of a passthrough balancer'}"
    )


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
RULES = (LB01, LB02, LB06, LB07)
