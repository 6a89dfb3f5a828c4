"""Forwarding rules that steer: they take some clients' packets away from the rule that has the same address, protocol and ports.

That other one, the base forwarding rule, has no source ranges and gets whatever no steering rule of its takes; where there is none,
nobody does. The most specific range that contains a client decides. Google: "Traffic steering" of external passthrough load balancers.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from localcloud.api import errors
from localcloud.api.links import link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.api.compute.draft import Draft
    from localcloud.store import Document

_MOST_RANGES = 64
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def same_frontend(one: Document, other: Document) -> bool:
    """Say whether two rules have the same address, protocol and ports."""
    return all(
        one.get(name) == other.get(name)
        for name in ("IPAddress", "IPProtocol", "ports", "portRange", "allPorts")
    )


def complete(draft: Draft) -> None:
    """Check the source ranges, and find the base forwarding rule. Refuses what Google would, or what could not be carried out."""
    document = draft.document
    given = document.get("sourceIpRanges") or []
    if draft.old is not None and bool(draft.old.get("sourceIpRanges")) != bool(given):
        rule = "A forwarding rule with source IP ranges keeps some, and one without gets none: make another forwarding rule."
        raise draft.refuse("sourceIpRanges", rule)
    document.pop("baseForwardingRule", None)
    siblings = dict(_siblings(draft))
    if not given:
        document.pop("sourceIpRanges", None)
        for name, other in siblings.items():  # they were made before their base
            if draft.old is None and other.get("sourceIpRanges"):
                draft.writes[f"compute/{name}"] = {**other, "baseForwardingRule": link(draft.relname)}
        return
    if len(given) > _MOST_RANGES:
        raise draft.refuse("sourceIpRanges", f"At most {_MOST_RANGES} source IP ranges can be specified.")
    ranges = [_network(index, text, document["IPAddress"]) for index, text in enumerate(given)]
    for name, other in siblings.items():
        if not other.get("sourceIpRanges"):
            document["baseForwardingRule"] = link(name)
            continue
        taken = {_parse(text) for text in other["sourceIpRanges"]}
        for index, each in enumerate(ranges):
            if each in taken:
                rule = f"The forwarding rule '{name}' has this source IP range already."
                raise errors.invalid(f"resource.sourceIpRanges[{index}]", given[index], rule)


def _siblings(draft: Draft) -> Iterator[tuple[str, Document]]:
    """Yield the other rules with this one's frontend, by relative name."""
    place = f"compute/projects/{draft.project}/regions/{draft.location}/forwardingRules/"
    for key, other in draft.cloud.store.scan(place):
        name = key.removeprefix("compute/")
        if name != draft.relname and same_frontend(draft.document, other):
            yield name, other


def _parse(text: str) -> _Network | None:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def _network(index: int, text: str, address: str) -> _Network:
    found = _parse(text)
    if found is None:
        rule = "Must be an IP address, such as 192.0.2.1, or a CIDR range whose other bits are 0, such as 192.0.2.0/24."
        raise errors.invalid(f"resource.sourceIpRanges[{index}]", text, rule)
    if (found.version == 6) != (":" in address):
        rule = f"Must be of the same IP version as the forwarding rule's address, {address}."
        raise errors.invalid(f"resource.sourceIpRanges[{index}]", text, rule)
    return found
