"""The network as it should be: subnetworks, firewall rules and interfaces, read from the store. Pure over the store."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Literal, cast

from localcloud.control import faults, google_access, ipv6
from localcloud.control.links import relname
from localcloud.plans.network import FirewallRule, NetworkInterface, NetworkPlan, Subnetwork

if TYPE_CHECKING:
    from localcloud.store import Document, Store

# Google's implied rules: everything may leave, nothing may come in; any rule of the user's comes before them.
_IMPLIED_PRIORITY = 65_535
_EVERYWHERE = ("0.0.0.0/0", "::/0")
_FACELESS = {"TERMINATED", "SUSPENDED"}


def plan(store: Store) -> NetworkPlan:
    """Return the network as it should be now."""
    subnetworks, interfaces, rules, networks = [], [], [], []
    for key, document in store.scan("compute/projects/"):
        match key.split("/")[-2]:
            case "networks":
                networks.append(key.removeprefix("compute/"))
            case "subnetworks":
                subnetworks.append(_subnetwork(key.removeprefix("compute/"), document))
            case "instances" if visible(document):
                interfaces.append(interface(store, document))
            case "firewalls" if not document.get("disabled"):
                rules.append(_rule(document))
            case _:
                pass
    for network in sorted({*networks, *(subnetwork.network for subnetwork in subnetworks)}):
        rules.extend(_implied(network))
    return NetworkPlan(
        subnetworks=tuple(subnetworks),
        interfaces=tuple(interfaces),
        firewall=tuple(rules),
        faults=faults.links(store),
    )


def interfaces(store: Store) -> dict[str, NetworkInterface]:
    """Return the interfaces of all instances that have one, by the instances' keys."""
    return {
        key: interface(store, document)
        for key, document in store.scan("compute/projects/")
        if key.split("/")[-2] == "instances" and visible(document)
    }


def visible(document: Document) -> bool:
    """Say whether an instance is in the network: one that is stopped or suspended is not."""
    return document.get("status") not in _FACELESS


def gateway(cidr: str) -> str:
    """Return a subnetwork's gateway: its first usable address."""
    return str(IPv4Network(cidr).network_address + 1)


def interface(store: Store, document: Document) -> NetworkInterface:
    """Return an instance's primary interface."""
    primary = document["networkInterfaces"][0]
    accounts = document.get("serviceAccounts") or []
    return NetworkInterface(
        instance=document["name"],
        network=relname(primary["network"]),
        subnetwork=relname(primary["subnetwork"]),
        address=primary["networkIP"],
        address_ipv6=ipv6.address_of(primary),
        tags=frozenset((document.get("tags") or {}).get("items") or []),
        service_account=accounts[0]["email"] if accounts else "",
        google_apis=google_access.by(store, primary) != "",
    )


def _subnetwork(name: str, document: Document) -> Subnetwork:
    cidr = document["ipCidrRange"]
    return Subnetwork(
        key=name,
        network=relname(document["network"], name),
        cidr=cidr,
        gateway=document.get("gatewayAddress") or gateway(cidr),
        cidr_ipv6=document.get("ipv6CidrRange") or "",
    )


def _rule(document: Document) -> FirewallRule:
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
        direction=cast("Literal['INGRESS', 'EGRESS']", direction),
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


def _implied(network: str) -> tuple[FirewallRule, FirewallRule]:
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
