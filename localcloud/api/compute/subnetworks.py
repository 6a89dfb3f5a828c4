"""Subnetworks: a range of a network in one region."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from localcloud.api import errors
from localcloud.api.compute.collection import Collection, Link
from localcloud.api.compute.ipv6 import subnetwork_range
from localcloud.api.compute.references import referenced
from localcloud.api.links import key_of, link

if TYPE_CHECKING:
    from localcloud.api.compute.draft import Draft

_NETWORK = (Link(path="network", to=("networks",)),)


def _complete(draft: Draft) -> None:
    draft.require("network")
    cidr = _cidr(draft)
    draft.default("privateIpGoogleAccess", False)
    draft.default("purpose", "PRIVATE")
    draft.default("stackType", "IPV4_ONLY")
    _ipv6(draft)
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


def _ipv6(draft: Draft) -> None:
    """Give a dual-stack subnetwork its IPv6 range."""
    stack, access = draft.get("stackType"), draft.get("ipv6AccessType")
    if stack == "IPV6_ONLY":
        raise draft.refuse("stackType", "The local cloud's instances need IPv4: use IPV4_IPV6 or IPV4_ONLY.")
    if stack == "IPV4_ONLY":
        if access:
            raise draft.refuse(
                "ipv6AccessType", "Only a dual-stack subnetwork has it: set stackType to IPV4_IPV6."
            )
        return
    if access is None:
        raise errors.required("resource.ipv6AccessType")
    if not draft.cloud.settings.ipv6:
        rule = (
            "The kernel of this machine has no IPv6 (it was booted with ipv6.disable=1, or built without), so nothing could be reached "
            "by it here: use IPV4_ONLY, or boot the kernel with IPv6."
        )
        raise draft.refuse("stackType", rule)
    if draft.get("ipv6CidrRange"):
        return
    store = draft.cloud.store
    if access == "EXTERNAL":
        cidr = subnetwork_range(store, draft.project)
        draft.document["externalIpv6Prefix"] = cidr
    else:
        network = referenced(store, draft.document["network"]) or {}
        if not network.get("internalIpv6Range"):
            rule = "The network has no internal IPv6 range: set enableUlaInternalIpv6 on it."
            raise draft.refuse("ipv6AccessType", rule)
        cidr = subnetwork_range(store, draft.project, within=network["internalIpv6Range"])
        draft.document["internalIpv6Prefix"] = cidr
    draft.document["ipv6CidrRange"] = cidr


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
