"""The virtual network as it should be: subnetworks, firewall rules, and which instance has which address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from localcloud.plans.fault import LinkFault

GOOGLE_ADDRESS = "199.36.153.8"  # private.googleapis.com: where instances find all of Google's APIs


@dataclass(frozen=True, kw_only=True)
class Subnetwork:
    """A subnetwork: one bridge with the gateway's address on it. `key` is its relative name (projects/P/regions/R/...).

    `cidr_ipv6`: its /64 if it is dual-stack; the upper half of it is for forwarding rules.
    """

    key: str
    network: str
    cidr: str
    gateway: str
    cidr_ipv6: str = ""


@dataclass(frozen=True, kw_only=True)
class NetworkInterface:
    """An instance's place in the network. `mtu` as Google's default VPC; `address_ipv6`: the first of its /96, if it has one.

    `google_apis`: whether it reaches `GOOGLE_ADDRESS`; the metadata server it always does.
    """

    instance: str
    network: str
    subnetwork: str
    address: str
    tags: frozenset[str] = frozenset()
    service_account: str = ""
    mtu: int = 1460
    address_ipv6: str = ""
    google_apis: bool = True


@dataclass(frozen=True, kw_only=True)
class FirewallRule:
    """A VPC firewall rule as Google evaluates it: lowest priority number first, deny before allow at equal priority.

    `ports` of a protocol empty means all of them; a port is "80" or "8000-8080". No target means every instance of the network.
    Ranges say which address family it is about (none at all: IPv4); tags and service accounts are in both.
    """

    name: str
    network: str
    direction: Literal["INGRESS", "EGRESS"] = "INGRESS"
    action: Literal["allow", "deny"] = "allow"
    priority: int = 1000
    protocols: tuple[
        tuple[str, tuple[str, ...]], ...
    ] = ()  # (("tcp", ("80", "8000-8080")), ("icmp", ())); "all" is every protocol
    source_ranges: tuple[str, ...] = ()
    destination_ranges: tuple[str, ...] = ()
    source_tags: frozenset[str] = frozenset()
    source_service_accounts: frozenset[str] = frozenset()
    target_tags: frozenset[str] = frozenset()
    target_service_accounts: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class NetworkPlan:
    """All of it; the data plane makes the kernel agree."""

    subnetworks: tuple[Subnetwork, ...] = ()
    interfaces: tuple[NetworkInterface, ...] = ()
    firewall: tuple[FirewallRule, ...] = ()
    faults: tuple[LinkFault, ...] = ()
