"""VPC firewall rules, read from the store and decided on as Google does. Pure over the store; the kernel's own are the data plane's.

The applicable rule of the lowest priority number decides, deny before allow; where none applies, nothing comes in and everything may leave.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Literal, cast

from localcloud.control.links import relname
from localcloud.plans.network import FirewallRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from localcloud.store import Document, Store

Direction = Literal["INGRESS", "EGRESS"]

# Google's implied rules: everything may leave, nothing may come in; any rule of the user's comes before them.
_IMPLIED_PRIORITY = 65_535
_EVERYWHERE = ("0.0.0.0/0", "::/0")


def parse(document: Document) -> FirewallRule:
    """Return a firewall rule as its document says."""
    allowed = document.get("allowed") or []
    listed = allowed or document.get("denied") or []
    direction = document.get("direction") or "INGRESS"
    sources = tuple(document.get("sourceRanges") or ())
    unnamed = not sources and not document.get("sourceTags") and not document.get("sourceServiceAccounts")
    if direction == "INGRESS" and unnamed:
        sources = ("0.0.0.0/0",)
    priority = document.get("priority")
    return FirewallRule(
        name=document["name"],
        network=relname(document["network"]),
        direction=cast("Direction", direction),
        action="allow" if allowed else "deny",
        priority=1000 if priority is None else int(priority),
        protocols=tuple(
            (str(entry["IPProtocol"]).lower(), tuple(str(port) for port in entry.get("ports") or ()))
            for entry in listed
        ),
        source_ranges=sources,
        destination_ranges=tuple(document.get("destinationRanges") or ()),
        source_tags=frozenset(document.get("sourceTags") or ()),
        source_service_accounts=frozenset(document.get("sourceServiceAccounts") or ()),
        target_tags=frozenset(document.get("targetTags") or ()),
        target_service_accounts=frozenset(document.get("targetServiceAccounts") or ()),
    )


def implied(network: str) -> tuple[FirewallRule, FirewallRule]:
    """Return the rules that a network has without anyone making them."""
    everything = (("all", ()),)
    return (
        FirewallRule(
            name="default-allow-egress",
            network=network,
            direction="EGRESS",
            priority=_IMPLIED_PRIORITY,
            protocols=everything,
            destination_ranges=_EVERYWHERE,
        ),
        FirewallRule(
            name="default-deny-ingress",
            network=network,
            action="deny",
            priority=_IMPLIED_PRIORITY,
            protocols=everything,
            source_ranges=_EVERYWHERE,
        ),
    )


def tags_of(instance: Document) -> frozenset[str]:
    """Return an instance's network tags."""
    return frozenset((instance.get("tags") or {}).get("items") or [])


def service_account_of(instance: Document) -> str:
    """Return the address of an instance's service account; empty if it has none."""
    accounts = instance.get("serviceAccounts") or []
    return str(accounts[0]["email"]) if accounts else ""


def egress(store: Store, network: str) -> Iterator[FirewallRule]:
    """Yield a network's own rules about what leaves instances."""
    project = network.split("/")[1]
    for _, document in store.scan(f"compute/projects/{project}/global/firewalls/"):
        if (
            document.get("direction") == "EGRESS"
            and not document.get("disabled")
            and relname(document["network"]) == network
        ):
            yield parse(document)


def deciding(
    rules: Iterable[FirewallRule],
    direction: Direction,
    *,
    network: str,
    tags: frozenset[str],
    service_account: str,
    peer: str,
    protocol: str,
    port: int,
) -> FirewallRule | None:
    """Return the rule that decides on what an instance sends to a peer, or is sent by one; None if no rule applies.

    The peer is known by its address alone, so what rules say of tags and service accounts of sources is left out.
    """
    applicable = [
        rule
        for rule in rules
        if rule.network == network
        and rule.direction == direction
        and _targets(rule, tags, service_account)
        and any(ip_address(peer) in ip_network(each, strict=False) for each in _peers(rule))
        and any(_covers(name, ports, protocol, port) for name, ports in rule.protocols)
    ]
    return min(applicable, key=lambda rule: (rule.priority, rule.action != "deny"), default=None)


def _peers(rule: FirewallRule) -> tuple[str, ...]:
    if rule.direction == "INGRESS":
        return rule.source_ranges
    return rule.destination_ranges or _EVERYWHERE[:1]


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
