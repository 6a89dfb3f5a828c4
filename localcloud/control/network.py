"""The network as it should be: subnetworks, firewall rules and interfaces, read from the store. Pure over the store."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from localcloud.control import faults, firewall, google_access, ipv6
from localcloud.control.links import relname
from localcloud.plans.network import NetworkInterface, NetworkPlan, Subnetwork

if TYPE_CHECKING:
    from localcloud.store import Document, Store

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
                rules.append(firewall.parse(document))
            case _:
                pass
    for network in sorted({*networks, *(subnetwork.network for subnetwork in subnetworks)}):
        rules.extend(firewall.implied(network))
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
    return NetworkInterface(
        instance=document["name"],
        network=relname(primary["network"]),
        subnetwork=relname(primary["subnetwork"]),
        address=primary["networkIP"],
        address_ipv6=ipv6.address_of(primary),
        tags=firewall.tags_of(document),
        service_account=firewall.service_account_of(document),
        google_apis=not google_access.obstacle(store, document),
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
