"""Which addresses are taken: external ones of the cloud's range, internal ones of a subnetwork."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.store import Store

_RESERVED_HEAD = 2  # a subnetwork's network and gateway addresses
_LAST_EXTERNAL = 250  # the addresses above are the cloud's own


def taken(store: Store, project: str) -> set[str]:
    """Return every address in use: reserved ones, forwarding rules', instances' own."""
    found: set[str] = set()
    for key, document in store.scan(f"compute/projects/{project}/"):
        segment = key.split("/")[-2]
        if segment == "addresses":
            found.add(document["address"])
        elif segment == "forwardingRules":
            found.add(document["IPAddress"])
        elif segment == "instances":
            found.update(
                entry["networkIP"] for entry in document.get("networkInterfaces", []) if "networkIP" in entry
            )
    return found


def free_external(store: Store, project: str, external_range: str) -> str | None:
    """Return the lowest free external address, or None when there is none left."""
    used = taken(store, project)
    hosts = ipaddress.IPv4Network(external_range).hosts()
    return next(
        (str(host) for host in hosts if int(host) % 256 <= _LAST_EXTERNAL and str(host) not in used), None
    )


def free_internal(store: Store, project: str, cidr: str) -> str | None:
    """Return the lowest free address of a subnetwork's range, or None when there is none left."""
    used = taken(store, project)
    return next((address for address in _usable(cidr) if address not in used), None)


def _usable(cidr: str) -> Iterator[str]:
    """Google keeps the first two and the last two addresses of a range."""
    network = ipaddress.IPv4Network(cidr)
    for offset in range(_RESERVED_HEAD, network.num_addresses - 2):
        yield str(network[offset])
