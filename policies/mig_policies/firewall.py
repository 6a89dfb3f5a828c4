"""Firewall rules as Google evaluates them: direction, targets, sources, ports, priority, deny before allow."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from mig_policies.ports import ALL_PORTS, PortSet, parse_ports
from mig_policies.values import Undetermined

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mig_policies.resource import Resource

Range: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"

ANY_SOURCE: Final = frozenset({"0.0.0.0/0", "::/0"})
DEFAULT_PRIORITY: Final = 1000
# Protocols by IANA number, which firewall rules may have instead of the name.
_NUMBERS: Final = {"1": "icmp", "6": "tcp", "17": "udp"}


@dataclass(frozen=True)
class Traffic:
    """A protocol and the ports of it; "all" is every protocol."""

    protocol: str
    ports: PortSet

    def includes(self, protocol: str, port: int) -> bool:
        """Tell whether a packet to `port` over `protocol` is meant."""
        return self.protocol in {"all", protocol} and port in self.ports


def traffic(rule: Resource, key: str) -> list[Traffic]:
    """Read a rule's `allows` or `denies`."""
    found: list[Traffic] = []
    for block in rule.props.blocks(key):
        protocol = block.text("protocol", "all").lower()
        texts = block.texts("ports")
        ports = PortSet.union(parse_ports(text) for text in texts) if texts else ALL_PORTS
        found.append(Traffic(_NUMBERS.get(protocol, protocol), ports))
    return found


def is_ingress(rule: Resource) -> bool:
    """Tell whether a rule is in force and about incoming packets."""
    return rule.props.text("direction", "INGRESS") == "INGRESS" and not rule.props.flag(
        "disabled", default=False
    )


def sources(rule: Resource) -> list[Range]:
    """Return the source ranges; a rule without any source applies to every source."""
    texts = rule.props.texts("sourceRanges")
    if not texts:
        named = rule.props.texts("sourceTags") or rule.props.texts("sourceServiceAccounts")
        texts = [] if named else sorted(ANY_SOURCE)
    return [parse_range(text) for text in texts]


def parse_range(text: str) -> Range:
    """Read a range in CIDR notation.

    Raises:
        Undetermined: it is none.
    """
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as fault:
        raise Undetermined(f"'{text}' is no address range") from fault


def priority(rule: Resource) -> int:
    """Return a rule's priority; the lower number wins."""
    return rule.props.integer("priority", DEFAULT_PRIORITY)


def uncovered(wanted: Range, by: Iterable[Range]) -> list[Range]:
    """Return what is left of `wanted` after taking `by` away."""
    left: list[Range] = [wanted]
    for cut in by:
        left = [piece for part in left for piece in _minus(part, cut)]
    return left


def _minus(part: Range, cut: Range) -> list[Range]:
    if isinstance(part, ipaddress.IPv4Network) and isinstance(cut, ipaddress.IPv4Network):
        return (
            [] if part.subnet_of(cut) else list(part.address_exclude(cut)) if cut.subnet_of(part) else [part]
        )
    if isinstance(part, ipaddress.IPv6Network) and isinstance(cut, ipaddress.IPv6Network):
        return (
            [] if part.subnet_of(cut) else list(part.address_exclude(cut)) if cut.subnet_of(part) else [part]
        )
    return [part]
