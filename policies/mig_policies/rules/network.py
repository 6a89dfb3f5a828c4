"""NET: probes get in, strangers do not, and what passes is recorded."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from mig_policies.firewall import ANY_SOURCE, is_ingress, sources, traffic
from mig_policies.forwarding import addresses_in_front
from mig_policies.pairing import balancing_check, has_autohealing, healing_check
from mig_policies.ports import PortSet, parse_ports
from mig_policies.probe import probe_of
from mig_policies.reach import Instances, blocked_ranges, instances_of
from mig_policies.rule import (
    ADVISORY,
    CRITICAL,
    MANDATORY,
    MEDIUM,
    Parameter,
    Parameters,
    ResourceRule,
    StackRule,
    Stricter,
)
from mig_policies.stack import Outside, Stack
from mig_policies.tokens import FIREWALL, GROUP_MANAGERS, INSTANCE_TEMPLATES, NETWORK, SUBNETWORK
from mig_policies.values import Undetermined
from mig_policies.verdict import Verdict, decide, not_applicable, passed, violated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mig_policies.resource import Resource

CHECKS_PAGE: Final = "https://docs.cloud.google.com/load-balancing/docs/health-check-concepts"
FIREWALL_PAGE: Final = "https://docs.cloud.google.com/firewall/docs/using-firewalls"
VPC_PAGE: Final = "https://docs.cloud.google.com/vpc/docs/vpc"

# Where probes come from; the two families overlap in one range only, so a rule with one list half-works.
AUTOHEALING_PROBERS: Final = ("130.211.0.0/22", "35.191.0.0/16")
BALANCER_PROBERS: Final = ("35.191.0.0/16", "209.85.152.0/22", "209.85.204.0/22")
# Of a balancer that has an IPv6 address; Google names none of autohealing's.
BALANCER_PROBERS_IPV6: Final = ("2600:1901:8001::/48",)
# Subnetworks Google keeps for its own proxies: neither setting exists there.
_SPECIAL_PURPOSES: Final = (
    "REGIONAL_MANAGED_PROXY",
    "GLOBAL_MANAGED_PROXY",
    "PRIVATE_SERVICE_CONNECT",
    "PRIVATE_NAT",
)


def _probes_get_in(group: Resource, stack: Stack, _: Parameters) -> Iterator[Verdict]:
    services = stack.services_of(group)
    if not has_autohealing(group) and not services:
        yield not_applicable(f"{group.label} is probed by nobody")
        return
    for instances in instances_of(group, stack):
        if has_autohealing(group):
            yield from decide(partial(_admits_autohealing, instances, stack))
        for service in services:
            yield from decide(partial(_admits_balancer, service, instances, stack))


def _admits_autohealing(instances: Instances, stack: Stack) -> Verdict:
    return _admits(
        healing_check(instances.group, stack), AUTOHEALING_PROBERS, instances.group, instances, stack
    )


def _admits_balancer(service: Resource, instances: Instances, stack: Stack) -> Verdict:
    ipv6 = BALANCER_PROBERS_IPV6 if "IPV6" in set(addresses_in_front(service, stack)) else ()
    probers = (*BALANCER_PROBERS, *ipv6)
    return _admits(balancing_check(service, stack), probers, service, instances, stack)


def _admits(
    check: Resource | Outside | None,
    probers: tuple[str, ...],
    owner: Resource,
    instances: Instances,
    stack: Stack,
) -> Verdict:
    if check is None:
        return not_applicable(f"{owner.label} has no health check")
    if isinstance(check, Outside):
        raise Undetermined(f"{owner.label}: the port of health check {check.label} cannot be read from here")
    probe = probe_of(check)
    if probe is None or probe.port is None:
        raise Undetermined(f"{check.label} names no port")
    blocked = blocked_ranges(probers, probe.port, instances, stack)
    if blocked:
        return violated(
            f"{instances.group.label}: no firewall rule admits {', '.join(map(str, blocked))} on tcp:{probe.port}, required for "
            f"{check.label} of {owner.label}; its instances would be unhealthy"
        )
    return passed(f"{check.label}: probes reach tcp:{probe.port}")


def _strangers_reach_service_ports_only(rule: Resource, parameters: Parameters) -> Verdict:
    if not is_ingress(rule):
        return not_applicable(f"{rule.label} lets nothing in")
    if not any(str(source) in ANY_SOURCE for source in sources(rule)):
        return passed(f"{rule.label}: from named sources only")
    never = PortSet.union((parse_ports("22"), parse_ports("3389")))
    allowed = PortSet.union(parse_ports(text) for text in parameters.texts("servicePorts")) - never
    for opened in traffic(rule, "allows"):
        if opened.protocol in {"icmp", "ipv6-icmp", "58"}:
            continue
        beyond = opened.ports - allowed
        if opened.protocol not in {"tcp", "udp"} or beyond:
            ports = f":{beyond}" if opened.protocol in {"tcp", "udp"} else ""
            return violated(
                f"{rule.label}: opens {opened.protocol}{ports} to any source, required only ports {allowed}"
            )
    return passed(f"{rule.label}: strangers reach service ports only")


def _network_is_kept(resource: Resource, _: Parameters) -> list[Verdict]:
    if resource.type == SUBNETWORK:
        return _subnetwork_is_kept(resource)
    if resource.type == NETWORK:
        found: list[Verdict] = []
        if resource.props.text("name", "") == "default":
            found.append(
                violated(f"{resource.label}: named 'default', required a network made for the service")
            )
        if resource.props.flag("autoCreateSubnetworks", default=True):
            found.append(
                violated(
                    f"{resource.label}: autoCreateSubnetworks true, required false; ranges would be everywhere"
                )
            )
        return found or [passed(f"{resource.label}: made for the service")]
    for interface in resource.props.blocks("networkInterfaces"):
        for field in ("network", "subnetwork"):
            link = interface.raw(field)
            if isinstance(link, str) and link.rsplit("/", 1)[-1] == "default":
                return [violated(f"{resource.label}: {field} 'default', required one made for the service")]
    return [passed(f"{resource.label}: not in the default network")]


def _subnetwork_is_kept(subnetwork: Resource) -> list[Verdict]:
    purpose = subnetwork.props.text("purpose", "PRIVATE")
    if purpose in _SPECIAL_PURPOSES:
        return [not_applicable(f"{subnetwork.label} is for {purpose}")]
    found: list[Verdict] = []
    if subnetwork.props.get("logConfig") is None:
        found.append(violated(f"{subnetwork.label}: logConfig unset, required flow logs"))
    if not subnetwork.props.flag("privateIpGoogleAccess", default=False):
        found.append(
            violated(
                f"{subnetwork.label}: privateIpGoogleAccess false, required true; instances without an address need it"
            )
        )
    return found or [passed(f"{subnetwork.label}: flow logs and Private Google Access")]


NET01 = StackRule(
    id="NET01",
    title="Probes get in",
    description="Firewall rules must admit the probes of both health checks, from all of their ranges, on their real ports.",
    remediation="Allow 130.211.0.0/22, 35.191.0.0/16, 209.85.152.0/22 and 209.85.204.0/22 on both checks' ports; for a "
    "balancer with an IPv6 address 2600:1901:8001::/48 too.",
    url=CHECKS_PAGE,
    severity=CRITICAL,
    level=MANDATORY,
    types=GROUP_MANAGERS,
    look=_probes_get_in,
)
NET02 = ResourceRule(
    id="NET02",
    title="Strangers reach service ports only",
    description="Firewall rules must open nothing but the service's ports to any source, and never SSH or RDP.",
    remediation="Name the clients' ranges; reach SSH through Identity-Aware Proxy (35.235.240.0/20).",
    url=FIREWALL_PAGE,
    severity=CRITICAL,
    level=MANDATORY,
    types=frozenset({FIREWALL}),
    parameters=(
        Parameter(
            name="servicePorts",
            description="Ports and ranges that any source may reach; 22 and 3389 are never among them.",
            default=("80", "443", "8080"),
            stricter=Stricter.FEWER,
        ),
    ),
    look=_strangers_reach_service_ports_only,
)
NET03 = ResourceRule(
    id="NET03",
    title="The network is made for the service",
    description="Instances must not stand in the default network; subnetworks must log flows and reach Google privately.",
    remediation="Make a network with autoCreateSubnetworks false; set logConfig and privateIpGoogleAccess on subnetworks.",
    url=VPC_PAGE,
    severity=MEDIUM,
    level=ADVISORY,
    types=frozenset({NETWORK, SUBNETWORK}) | INSTANCE_TEMPLATES,
    look=_network_is_kept,
)

RULES = (NET01, NET02, NET03)
