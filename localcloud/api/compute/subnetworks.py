"""Subnetworks: a range of a network in one region."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from localcloud.api.compute.collection import Collection, Link
from localcloud.api.links import key_of, link

if TYPE_CHECKING:
    from localcloud.api.compute.draft import Draft

_NETWORK = (Link(path="network", to=("networks",)),)


def _complete(draft: Draft) -> None:
    draft.require("network")
    cidr = _cidr(draft)
    if draft.get("stackType") in {"IPV4_IPV6", "IPV6_ONLY"} or draft.get("ipv6AccessType"):
        raise draft.refuse("stackType", "The local cloud has no IPv6: use IPV4_ONLY.")
    draft.default("privateIpGoogleAccess", False)
    draft.default("purpose", "PRIVATE")
    draft.default("stackType", "IPV4_ONLY")
    draft.document["gatewayAddress"] = str(cidr[1])
    draft.document["state"] = "READY"
    for key, other in draft.cloud.store.scan(f"compute/projects/{draft.project}/regions/"):
        if key.split("/")[-2] != "subnetworks" or key == f"compute/{draft.relname}":
            continue
        if other["network"] == draft.get("network") and ipaddress.ip_network(other["ipCidrRange"]).overlaps(
            cidr
        ):
            rule = (
                f"Invalid IPCidrRange: {cidr} conflicts with existing subnetwork '{other['name']}' in region "
            )
            raise draft.refuse("ipCidrRange", rule + f"'{other['region'].rpartition('/')[2]}'.")
    if draft.old is None:
        _list_in_network(draft, present=True)


def _cidr(draft: Draft) -> ipaddress.IPv4Network:
    value = draft.require("ipCidrRange")
    try:
        cidr = ipaddress.IPv4Network(value)
    except ValueError as error:
        raise draft.refuse("ipCidrRange", f"Invalid IPCidrRange: {error}.") from error
    if cidr.prefixlen > 29 or cidr.prefixlen < 4:
        raise draft.refuse("ipCidrRange", "The prefix length must be between 4 and 29.")
    if draft.old is not None and not cidr.supernet_of(ipaddress.IPv4Network(draft.old["ipCidrRange"])):
        raise draft.refuse("ipCidrRange", "A range can only be expanded to one that contains it.")
    return cidr


def _list_in_network(draft: Draft, *, present: bool) -> None:
    """Keep the network's own list of its subnetworks."""
    key = key_of(draft.document["network"])
    network = draft.peek(key)
    if network is None:
        return
    others = [entry for entry in network.get("subnetworks", []) if entry != link(draft.relname)]
    entries = [*others, link(draft.relname)] if present else others
    document: dict[str, Any] = {name: value for name, value in network.items() if name != "subnetworks"}
    if entries:
        document["subnetworks"] = entries
    draft.writes[key] = document


def _removed(draft: Draft) -> None:
    _list_in_network(draft, present=False)


SUBNETWORKS = Collection(
    resource="subnetworks",
    segment="subnetworks",
    scope="regions",
    parameter="subnetwork",
    kind="compute#subnetwork",
    noun="subnetwork",
    schema="Subnetwork",
    links=_NETWORK,
    complete=_complete,
    removed=_removed,
    immutable=frozenset({"network", "purpose"}),
    fingerprint="optional",
)
