"""IPv6 ranges and addresses: external ones from the range reserved for documentation, since they are reached on this machine only."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from localcloud.store import Store

_EXTERNAL = ipaddress.IPv6Network("2001:db8::/32")
_INTERNAL = ipaddress.IPv6Network("fd20::/20")


def network_range(store: Store, project: str) -> str:
    """Return a free /48 for a network's internal IPv6 range."""
    used = {
        document.get("internalIpv6Range")
        for _, document in store.scan(f"compute/projects/{project}/global/networks/")
    }
    return _first(_INTERNAL.subnets(new_prefix=48), used)


def subnetwork_range(store: Store, project: str, *, within: str = "") -> str:
    """Return a free /64 for a subnetwork: of its network's internal range, or of the external one."""
    used = {
        document.get("ipv6CidrRange")
        for key, document in store.scan(f"compute/projects/{project}/regions/")
        if key.split("/")[-2] == "subnetworks"
    }
    pool = ipaddress.IPv6Network(within) if within else _EXTERNAL
    return _first(pool.subnets(new_prefix=64), used)


def balancer_range(store: Store, project: str, subnetwork: str) -> str:
    """Return a free /96 of a subnetwork's range, as a load balancer's address is one."""
    used = set()
    for key, document in store.scan(f"compute/projects/{project}/regions/"):
        kind = key.split("/")[-2]
        if kind == "addresses" and document.get("ipVersion") == "IPV6":
            used.add(f"{document['address']}/{document['prefixLength']}")
        elif kind == "forwardingRules":
            used.add(document["IPAddress"])
    # The lower half of a subnetwork's range is for instances.
    upper = list(ipaddress.IPv6Network(subnetwork).subnets(prefixlen_diff=1))[1]
    return _first(upper.subnets(new_prefix=96), used)


def _first(ranges: Iterable[ipaddress.IPv6Network], used: AbstractSet[str | None]) -> str:
    return next(str(each) for each in ranges if str(each) not in used)
