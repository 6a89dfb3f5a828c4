"""IPv6 addresses of instances: derived from the IPv4 ones, so that they are as unique and as lasting, and nothing is remembered."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localcloud.store import Document

_PREFIX_LENGTH = 96  # an instance has a range of its own, and uses the first address
_LOWER_HALF = 0x7FFF_FFFF  # the upper half of a subnetwork's range is for forwarding rules


def interface_fields(wanted: Document, subnetwork: Document, address: str) -> dict[str, Any]:
    """Return the IPv6 fields of an instance's interface: what the template wants, as far as its subnetwork has it.

    Raises ValueError where the two do not go together.
    """
    if wanted.get("stackType") != "IPV4_IPV6":
        return {"stackType": "IPV4_ONLY"}
    cidr, access = subnetwork.get("ipv6CidrRange"), subnetwork.get("ipv6AccessType")
    name = subnetwork["name"]
    if not cidr:
        msg = (
            f"Invalid value for field 'networkInterfaces[0].stackType': 'IPV4_IPV6'. Subnetwork '{name}' has no IPv6 range: set its "
            "stackType to IPV4_IPV6"
        )
        raise ValueError(msg)
    configs = wanted.get("ipv6AccessConfigs") or []
    if access == "INTERNAL":
        if configs:
            msg = (
                f"Invalid value for field 'networkInterfaces[0].ipv6AccessConfigs'. The IPv6 range of subnetwork '{name}' is internal: "
                "leave them out"
            )
            raise ValueError(msg)
        return {
            "stackType": "IPV4_IPV6",
            "ipv6AccessType": "INTERNAL",
            "ipv6Address": _derived(cidr, address),
            "internalIpv6PrefixLength": _PREFIX_LENGTH,
        }
    fields: dict[str, Any] = {"stackType": "IPV4_IPV6", "ipv6AccessType": "EXTERNAL"}
    if configs:  # without, Google gives none
        fields["ipv6AccessConfigs"] = [
            {
                "kind": "compute#accessConfig",
                "type": "DIRECT_IPV6",
                "name": "external-ipv6",
                "networkTier": "PREMIUM",
                **configs[0],
                "externalIpv6": _derived(cidr, address),
                "externalIpv6PrefixLength": _PREFIX_LENGTH,
            }
        ]
    return fields


def address_of(interface: Document) -> str:
    """Return an interface's IPv6 address; empty if it has none."""
    return str(interface.get("ipv6Address") or external_address_of(interface))


def external_address_of(interface: Document) -> str:
    """Return the IPv6 address that an interface has on the internet, which an external load balancer needs; empty if it has none."""
    configs = interface.get("ipv6AccessConfigs") or [{}]
    return str(configs[0].get("externalIpv6") or "")


def _derived(cidr: str, address: str) -> str:
    number = int(IPv4Address(address)) & _LOWER_HALF  # no two of a subnetwork have these bits in common
    return str(IPv6Network(cidr).network_address + (number << 32))
