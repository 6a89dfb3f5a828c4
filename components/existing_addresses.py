"""Addresses that somebody else reserved, for forwarding rules of this program."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from components.invalid_argument import InvalidArgumentError

if TYPE_CHECKING:
    import pulumi

    from components.balancing import Balancing

_LINK = re.compile(r"(https://[^/]+/compute/v1/)?projects/[^/]+/regions/[^/]+/addresses/[^/]+")


def require_addresses(
    address: pulumi.Input[str] | None, address_ipv6: pulumi.Input[str] | None, balancing: Balancing
) -> None:
    """Refuse addresses that no forwarding rule could take.

    Args:
        address: an IPv4 address, or None.
        address_ipv6: id of a reserved IPv6 address, or None.
        balancing: whose frontends are to use them.

    Raises:
        InvalidArgumentError: what is given is no such address, or no frontend is reached over its version.
    """
    if address is not None:
        balancing.require_ipv4()
        if isinstance(address, str) and not _is_ipv4(address):
            raise InvalidArgumentError(
                "address",
                address,
                "not an IPv4 address, which is what clients are told",
                "write for instance 203.0.113.9",
            )
    if address_ipv6 is None:
        return
    if not balancing.uses_ipv6:
        raise InvalidArgumentError(
            "address_ipv6", address_ipv6, "no frontend is reached over IPv6",
            "add a frontend with ip_version: IPV6, or remove it",
        )  # fmt: skip
    if isinstance(address_ipv6, str) and not _LINK.fullmatch(address_ipv6):
        raise InvalidArgumentError(
            "address_ipv6", address_ipv6, "not the id of a reserved address (an IPv6 rule takes a range, which the id stands for)",
            "write projects/PROJECT/regions/REGION/addresses/NAME",
        )  # fmt: skip


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
