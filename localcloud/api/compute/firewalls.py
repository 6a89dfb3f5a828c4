"""VPC firewall rules."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

from localcloud.api import errors
from localcloud.api.compute.collection import Collection, Link

if TYPE_CHECKING:
    from localcloud.api.compute.draft import Draft

_PROTOCOLS = frozenset({"tcp", "udp", "icmp", "esp", "ah", "ipip", "sctp", "all"})
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")


def _complete(draft: Draft) -> None:
    document = draft.document
    draft.require("network")
    draft.default("direction", "INGRESS")
    draft.default("priority", 1000)
    draft.bounds("priority", 0, 65535)
    draft.default("disabled", False)
    draft.default("logConfig.enable", False)
    ingress = document["direction"] == "INGRESS"
    if ("allowed" in document) == ("denied" in document):
        rule = "Exactly one of 'allowed' and 'denied' must be specified."
        raise draft.refuse("denied" if "denied" in document else "allowed", rule)
    for side in ("allowed", "denied"):
        for index, entry in enumerate(document.get(side, [])):
            _check_protocol(f"{side}[{index}]", entry)
    for name in ("sourceRanges", "sourceTags", "sourceServiceAccounts"):
        if not ingress and name in document:
            raise draft.refuse(name, "Sources cannot be specified for an EGRESS rule.")
    if ingress and "destinationRanges" not in document:
        if not any(name in document for name in ("sourceRanges", "sourceTags", "sourceServiceAccounts")):
            document["sourceRanges"] = ["0.0.0.0/0"]
    elif not ingress:
        draft.default("destinationRanges", ["0.0.0.0/0"])
    _check_targets(draft)
    for name in ("sourceRanges", "destinationRanges"):
        _check_ranges(draft, name)


def _check_protocol(path: str, entry: dict[str, Any]) -> None:
    protocol = entry.get("IPProtocol")
    if not protocol:
        raise errors.required(f"resource.{path}.IPProtocol")
    entry["IPProtocol"] = protocol = protocol.lower()
    numeric = protocol.isdigit() and int(protocol) <= 255
    if protocol not in _PROTOCOLS and not numeric:
        raise errors.invalid(f"resource.{path}.IPProtocol", protocol, "Must be a protocol's name or number.")
    if entry.get("ports") and protocol not in {"tcp", "udp", "sctp", "6", "17", "132"}:
        raise errors.invalid(
            f"resource.{path}.ports", entry["ports"], f"Ports cannot be specified for {protocol}."
        )
    for port in entry.get("ports", []):
        found = _PORTS.fullmatch(port)
        low, high = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if not low <= high <= 65535:
            rule = "Ports must be integers or ranges of them, between 0 and 65535."
            raise errors.invalid(f"resource.{path}.ports", port, rule)


def _check_targets(draft: Draft) -> None:
    tags = draft.get("targetTags") or draft.get("sourceTags")
    accounts = draft.get("targetServiceAccounts") or draft.get("sourceServiceAccounts")
    if tags and accounts:
        name = "targetServiceAccounts" if draft.get("targetServiceAccounts") else "sourceServiceAccounts"
        raise draft.refuse(name, "Service accounts and tags cannot be used in the same rule.")


def _check_ranges(draft: Draft, name: str) -> None:
    versions = set()
    for index, value in enumerate(draft.get(name) or []):
        try:
            versions.add(ipaddress.ip_network(value).version)
        except ValueError as error:
            raise errors.invalid(
                f"resource.{name}[{index}]", value, f"Must be a valid CIDR address range: {error}."
            ) from error
    if len(versions) > 1:
        raise draft.refuse(name, "IPv4 and IPv6 ranges cannot be in one rule: make a rule for each.")


FIREWALLS = Collection(
    resource="firewalls",
    segment="firewalls",
    scope="global",
    parameter="firewall",
    kind="compute#firewall",
    noun="firewall",
    schema="Firewall",
    links=(Link(path="network", to=("networks",)),),
    complete=_complete,
    immutable=frozenset({"network", "direction"}),
)
