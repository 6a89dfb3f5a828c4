"""What the network's firewall rules let in, decided as Google's are: the simulation's stand-in for the kernel."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.plans.network import FirewallRule, NetworkInterface, NetworkPlan


def admits(plan: NetworkPlan, interface: NetworkInterface, source: str, protocol: str, port: int) -> bool:
    """Say whether the firewall lets this in: the applicable rule of the lowest priority number decides, deny before allow."""
    applicable = [
        rule
        for rule in plan.firewall
        if rule.network == interface.network
        and rule.direction == "INGRESS"
        and _targets(rule, interface.tags, interface.service_account)
        and any(ip_address(source) in ip_network(entry) for entry in rule.source_ranges)
        and any(_covers(name, ports, protocol, port) for name, ports in rule.protocols)
    ]
    if not applicable:
        return False
    return min(applicable, key=lambda rule: (rule.priority, rule.action != "deny")).action == "allow"


def _targets(rule: FirewallRule, tags: frozenset[str], account: str) -> bool:
    if not rule.target_tags and not rule.target_service_accounts:
        return True
    return bool(rule.target_tags & tags) or account in rule.target_service_accounts


def _covers(name: str, ports: tuple[str, ...], protocol: str, port: int) -> bool:
    if name not in {"all", protocol}:
        return False
    return not ports or any(
        int(entry.partition("-")[0]) <= port <= int(entry.rpartition("-")[2]) for entry in ports
    )
