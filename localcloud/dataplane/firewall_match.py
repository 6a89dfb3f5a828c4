"""What a firewall rule's protocols, ports and ranges are in nft's words."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from localcloud.dataplane.family import IPV4

if TYPE_CHECKING:
    from collections.abc import Iterable

    from localcloud.dataplane.family import Family
    from localcloud.plans.network import FirewallRule

_PROTOCOLS = {
    "tcp": "tcp",
    "udp": "udp",
    "icmp": "icmp",
    "esp": "esp",
    "ah": "ah",
    "sctp": "sctp",
    "ipip": "4",
}
_WITH_PORTS = frozenset({"tcp", "udp", "sctp"})


def protocol_matches(rule: FirewallRule, of: Family = IPV4) -> list[str]:
    """Return the alternatives of what a rule is about; "" is every protocol. Raises ValueError for one that does not exist."""
    matches = []
    for protocol, ports in rule.protocols or (("all", ()),):
        name = protocol.lower()
        if name == "all":
            matches.append("")
            continue
        known = _PROTOCOLS.get(name, name)
        if known == name and name not in _PROTOCOLS and not name.isdigit():
            msg = (
                f"firewall rule {rule.name}: protocol {protocol!r} is not one of {', '.join(sorted(_PROTOCOLS))}, all or an IP "
                "protocol number; correct allowed[].IPProtocol or denied[].IPProtocol"
            )
            raise ValueError(msg)
        if ports and name in _WITH_PORTS:
            matches.append(f"{name} dport {{ {', '.join(ports)} }}")
        else:
            matches.append(f"{of.protocol} {known}")
    return matches


def collapsed(ranges: Iterable[str], of: Family = IPV4) -> str | None:
    """Return nft's set of the ranges of this family without overlaps; "" if they are everything; None if there are none."""
    networks = [ipaddress.ip_network(each, strict=False) for each in ranges]
    own: list[ipaddress.IPv4Network] | list[ipaddress.IPv6Network]
    if of is IPV4:
        own = list(
            ipaddress.collapse_addresses(each for each in networks if isinstance(each, ipaddress.IPv4Network))
        )
    else:
        own = list(
            ipaddress.collapse_addresses(each for each in networks if isinstance(each, ipaddress.IPv6Network))
        )
    if not own:
        return None
    if own[0].prefixlen == 0:
        return ""
    return "{ " + ", ".join(str(each) for each in own) + " }"
