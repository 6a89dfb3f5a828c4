"""Which part of a range of addresses the VPC's firewall rules keep from a port: rules by priority, then the implied deny.

Hierarchical and network firewall policies are not looked at.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

IMPLIED = "the implied deny"
_NUMBERS = {"tcp": "6", "udp": "17"}
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, kw_only=True)
class FirewallRule:
    """An enabled ingress rule. `entries` are pairs of protocol and inclusive port ranges (none: every port)."""

    name: str
    priority: int
    allows: bool
    sources: tuple[str, ...]
    entries: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]

    def concerns(self, protocol: str, port: int) -> bool:
        """Say whether it decides about connections of this protocol (lower case) to this port."""
        names = {"all", protocol, _NUMBERS.get(protocol, protocol)}
        return any(
            name.lower() in names and (not ranges or any(low <= port <= high for low, high in ranges))
            for name, ranges in self.entries
        )


def blocked(rules: Iterable[FirewallRule], protocol: str, port: int, source: str) -> list[tuple[str, str]]:
    """Return the parts of a source range that cannot connect, each with the rule's name that says so."""
    whole = ipaddress.ip_network(source)
    open_question: list[Network] = [whole]
    found: list[tuple[str, str]] = []
    for rule in sorted(rules, key=lambda rule: (rule.priority, rule.allows)):  # at equal priority deny wins
        if not rule.concerns(protocol, port):
            continue
        for network in _networks(rule.sources, whole.version):
            rest: list[Network] = []
            for part in open_question:
                decided, left = _part(part, network)
                rest += left
                if decided is not None and not rule.allows:
                    found.append((str(decided), rule.name))
            open_question = rest
    left_over = ipaddress.collapse_addresses(open_question)  # type: ignore[type-var]  # they are all of one version
    return [*found, *((str(part), IMPLIED) for part in left_over)]


def opens(rules: Iterable[FirewallRule], protocol: str, port: int) -> bool:
    """Say whether anybody at all is let in."""
    return any(rule.allows and rule.concerns(protocol, port) for rule in rules)


def _networks(sources: Sequence[str], version: int) -> list[Network]:
    found = [ipaddress.ip_network(text, strict=False) for text in sources]
    return [network for network in found if network.version == version]


def _part(part: Network, network: Network) -> tuple[Network | None, list[Network]]:
    """Divide a range into what a network holds of it, and the rest."""
    if not part.overlaps(network):
        return None, [part]
    if part.prefixlen >= network.prefixlen:
        return part, []
    return network, list(part.address_exclude(network))  # type: ignore[arg-type]  # the same version, as above
