"""The two address families: what is called or written differently in each. An instance is known by its IPv4 address in both."""

from __future__ import annotations

import functools
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from localcloud.dataplane.addresses import (
    CLIENTS,
    CLIENTS_IPV6,
    FORWARDED,
    FORWARDED_IPV6,
    FORWARDED_SOURCES,
    LINK_LOCAL,
    RULE_MASK_IPV6,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Family:
    """One address family in nft's words.

    `protocol`: where a packet's transport protocol is. `destination`: which forwarding rule's address a packet is for.
    `forwarded` and `not_forwarded`, to be filled with saddr or daddr, match addresses that are a forwarding rule's, or none's.
    `icmp`: the protocol that tells of errors. `neighbourly`: what the router itself answers.
    """

    name: Literal["ip", "ip6"]
    version: Literal[4, 6]
    address_type: Literal["ipv4_addr", "ipv6_addr"]
    protocol: str
    icmp: str
    icmp_type: str
    neighbourly: str
    forwarded: str
    not_forwarded: str
    destination: str
    everything: str
    clients: str
    local: tuple[str, ...]  # sources that every machine may speak from, beside its subnetwork's

    @property
    def tuples(self) -> Mapping[str, str]:
        """The fields of a packet that each session affinity is about."""
        addresses = f"{self.name} saddr . {self.name} daddr"
        ports = f"{addresses} . {self.protocol} . th sport . th dport"
        return {
            "NONE": ports,
            "CLIENT_IP_PORT_PROTO": ports,
            "CLIENT_IP_PROTO": f"{addresses} . {self.protocol}",
            "CLIENT_IP": addresses,
            "CLIENT_IP_NO_DESTINATION": f"{self.name} saddr",
        }

    def table(self, name: str) -> str:
        """Return the full name of a table."""
        return f"{self.name} {name}"


IPV4 = Family(
    name="ip",
    version=4,
    address_type="ipv4_addr",
    protocol="ip protocol",
    icmp="icmp",
    icmp_type="icmp type",
    neighbourly="echo-request",
    forwarded=f"ip {{}} {FORWARDED}",
    not_forwarded=f"ip {{}} != {FORWARDED}",
    destination="ip daddr",
    everything="0.0.0.0/0",
    clients=CLIENTS,
    local=(FORWARDED_SOURCES,),
)
IPV6 = Family(
    name="ip6",
    version=6,
    address_type="ipv6_addr",
    protocol="meta l4proto",
    icmp="ipv6-icmp",
    icmp_type="icmpv6 type",
    neighbourly="{ echo-request, nd-neighbor-solicit, nd-neighbor-advert }",
    forwarded=f"ip6 {{}} & {FORWARDED_IPV6} == {FORWARDED_IPV6}",
    not_forwarded=f"ip6 {{}} & {FORWARDED_IPV6} != {FORWARDED_IPV6}",
    destination=f"ip6 daddr & {RULE_MASK_IPV6}",
    everything="::/0",
    clients=CLIENTS_IPV6,
    local=(LINK_LOCAL,),
)


def of(address: str) -> Family:
    """Return the family of an address or range."""
    return IPV6 if ":" in address else IPV4


# what is said of resources that need it
NO_IPV6 = (
    "the kernel of this machine has no IPv6 (it was booted with ipv6.disable=1, or built without), so nothing is reached by it here; use "
    "IPv4, or boot the kernel with IPv6"
)


@functools.cache
def kernel_has_ipv6() -> bool:
    """Return whether this machine's kernel speaks IPv6 at all: one booted with ipv6.disable=1 does not."""
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
    except OSError:
        return False
    return True
