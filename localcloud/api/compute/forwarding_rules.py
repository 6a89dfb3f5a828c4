"""Forwarding rules of external passthrough load balancers: an address, a protocol, ports, and the backend service behind."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from localcloud.api import errors
from localcloud.api.compute import steering
from localcloud.api.compute.address_pool import free_external
from localcloud.api.compute.collection import Collection, Link
from localcloud.api.compute.ipv6 import balancer_range
from localcloud.api.compute.references import find, referenced
from localcloud.api.links import link, parse

if TYPE_CHECKING:
    from localcloud.api.compute.draft import Draft
    from localcloud.store import Document

_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_MOST_PORTS = 5


def _complete(draft: Draft) -> None:
    document = draft.document
    draft.default("loadBalancingScheme", "EXTERNAL")
    if document["loadBalancingScheme"] != "EXTERNAL":
        rule = "The local cloud balances external passthrough traffic only: use EXTERNAL."
        raise draft.refuse("loadBalancingScheme", rule)
    if "target" in document:
        rule = "Target pools and proxies are not served by the local cloud: use a backend service."
        raise draft.refuse("target", rule)
    draft.require("backendService")
    draft.default("networkTier", "PREMIUM")
    service = referenced(draft.cloud.store, document["backendService"])
    if service is not None:
        _protocol(draft, service)
    _ports(draft)
    if draft.old is None:
        _address(draft)
    steering.complete(draft)
    for name in ("allowGlobalAccess", "allPorts"):
        if document.get(name) is False:
            del document[name]


def _protocol(draft: Draft, service: Document) -> None:
    draft.default("IPProtocol", "TCP")
    protocol = draft.document["IPProtocol"]
    if protocol not in {"TCP", "UDP", "L3_DEFAULT"}:
        raise draft.refuse(
            "IPProtocol", "Must be TCP, UDP or L3_DEFAULT for an external passthrough load balancer."
        )
    expected = "UNSPECIFIED" if protocol == "L3_DEFAULT" else protocol
    if service["protocol"] not in {expected, "UNSPECIFIED"}:
        rule = f"The protocol of the backend service ({service['protocol']}) does not match the forwarding rule's."
        raise draft.refuse("IPProtocol", rule)
    if protocol == "L3_DEFAULT" and not draft.get("allPorts"):
        raise draft.refuse("IPProtocol", "L3_DEFAULT requires allPorts to be true.")


def _ports(draft: Draft) -> None:
    document = draft.document
    given = [name for name in ("ports", "portRange", "allPorts") if document.get(name)]
    if len(given) > 1:
        raise draft.refuse(
            given[1], f"Only one of ports, portRange and allPorts can be specified, not also {given[0]}."
        )
    if not given:
        raise errors.required("resource.portRange")
    for index, port in enumerate(document.get("ports", [])):
        if _port_range(port) is None:
            rule = "Must be a port, or a range of them, between 1 and 65535."
            raise errors.invalid(f"resource.ports[{index}]", port, rule)
    if len(document.get("ports", [])) > _MOST_PORTS:
        raise draft.refuse("ports", f"At most {_MOST_PORTS} ports can be specified.")
    if "portRange" in document:
        found = _port_range(document["portRange"])
        if found is None:
            raise draft.refuse("portRange", "Must be a port, or a range of them, between 1 and 65535.")
        document["portRange"] = f"{found[0]}-{found[1]}"


def _port_range(text: str) -> tuple[int, int] | None:
    found = _PORTS.fullmatch(text)
    if found is None:
        return None
    low, high = int(found[1]), int(found[2] or found[1])
    return (low, high) if 1 <= low <= high <= 65535 else None


def _address(draft: Draft) -> None:
    given = draft.get("IPAddress")
    if draft.get("ipVersion") == "IPV6" and draft.document["networkTier"] != "PREMIUM":
        raise draft.refuse("networkTier", "IPv6 addresses are of the PREMIUM tier.")
    if not given and draft.get("ipVersion") == "IPV6":
        subnetwork = referenced(draft.cloud.store, draft.require("subnetwork")) or {}
        cidr = subnetwork.get("externalIpv6Prefix")
        if not cidr:
            raise draft.refuse("subnetwork", "The subnetwork has no external IPv6 range.")
        draft.document["IPAddress"] = balancer_range(draft.cloud.store, draft.project, cidr)
        return
    if not given:
        address = free_external(draft.cloud.store, draft.project, draft.cloud.settings.external_range)
        if address is None:
            message = f"Quota 'IN_USE_ADDRESSES' exceeded. No free address is left in {draft.cloud.settings.external_range}."
            raise errors.ApiError(403, "quotaExceeded", message)
        draft.document["IPAddress"] = address
        return
    key, reserved = _reserved(draft, given)
    sixth = reserved.get("ipVersion") == "IPV6"
    if sixth != (draft.get("ipVersion") == "IPV6"):
        raise draft.refuse("ipVersion", f"The address is an {reserved.get('ipVersion', 'IPV4')} one.")
    number = reserved["address"]
    draft.document["IPAddress"] = f"{number}/{reserved['prefixLength']}" if sixth else number
    _refuse_conflict(draft)
    if reserved["networkTier"] != draft.document["networkTier"]:
        rule = f"The network tier of the address ({reserved['networkTier']}) does not match the forwarding rule's."
        raise draft.refuse("networkTier", rule)
    users = [*reserved.get("users", []), link(draft.relname)]
    draft.writes[key] = {**reserved, "status": "IN_USE", "users": users}


def _reserved(draft: Draft, given: str) -> tuple[str, Document]:
    """Return the address resource that the client means, by number or by link."""
    place = f"compute/projects/{draft.project}/regions/{draft.location}/addresses/"
    number = given.removesuffix("/96")  # the range that an IPv6 address is the first of
    if _is_number(number):
        for key, document in draft.cloud.store.scan(place):
            if document["address"] == number and document["addressType"] == "EXTERNAL":
                return key, document
        rule = f"The specified external IP address '{given}' was not found in region '{draft.location}'."
        raise draft.refuse("IPAddress", rule)
    relname = parse(given, draft.project)
    if relname is None or relname.split("/")[-2] != "addresses":
        raise draft.refuse("IPAddress", "Must be an IP address, or a link to an address resource.")
    found = find(draft.cloud.store, relname)
    address = None if found is None else draft.cloud.store.get(f"compute/{found}")
    if found is None or address is None or not f"compute/{found}".startswith(place):
        raise errors.not_found(relname)
    return f"compute/{found}", address


def _is_number(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _refuse_conflict(draft: Draft) -> None:
    """Two rules cannot share address and protocol with overlapping ports, unless one of them takes some of the other's clients."""
    mine = draft.document
    for key, other in draft.cloud.store.scan(f"compute/projects/{draft.project}/regions/"):
        if key.split("/")[-2] != "forwardingRules" or other["IPAddress"] != mine["IPAddress"]:
            continue
        steers = mine.get("sourceIpRanges") or other.get("sourceIpRanges")
        if steers and steering.same_frontend(mine, other) and key.split("/")[4] == draft.location:
            continue
        if other["IPProtocol"] == mine["IPProtocol"] and _overlap(mine, other):
            rule = "Specified IP address is in-use and would result in a conflict."
            raise draft.refuse("IPAddress", rule)


def _overlap(one: Document, other: Document) -> bool:
    return any(a[0] <= b[1] and b[0] <= a[1] for a in _spans(one) for b in _spans(other))


def _spans(rule: Document) -> list[tuple[int, int]]:
    if rule.get("allPorts"):
        return [(1, 65535)]
    texts = rule.get("ports") or [rule["portRange"]]
    return [span for span in map(_port_range, texts) if span is not None]


def _removed(draft: Draft) -> None:
    """Give the reserved address back to its owner."""
    mine = link(draft.relname)
    for key, document in draft.cloud.store.scan(
        f"compute/projects/{draft.project}/regions/{draft.location}/addresses/"
    ):
        if mine in document.get("users", []):
            users = [user for user in document["users"] if user != mine]
            kept = {name: value for name, value in document.items() if name != "users"}
            changed = {**kept, "users": users} if users else {**kept, "status": "RESERVED"}
            draft.writes[key] = changed


FORWARDING_RULES = Collection(
    resource="forwardingRules",
    segment="forwardingRules",
    scope="regions",
    parameter="forwardingRule",
    kind="compute#forwardingRule",
    noun="forwarding_rule",
    schema="ForwardingRule",
    links=(
        Link(path="backendService", to=("backendServices",)),
        Link(path="baseForwardingRule", to=("forwardingRules",)),
        Link(path="subnetwork", to=("subnetworks",)),
        Link(path="network", to=("networks",)),
    ),
    complete=_complete,
    removed=_removed,
    immutable=frozenset(
        {"IPAddress", "IPProtocol", "ports", "portRange", "allPorts", "loadBalancingScheme", "networkTier"}
    ),
    fingerprint="optional",
)
