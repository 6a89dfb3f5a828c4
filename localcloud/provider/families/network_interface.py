"""The network interfaces of an instance template."""

from __future__ import annotations

import re

from localcloud.provider.links import resolve
from localcloud.provider.mapping import Scope, v1_link
from localcloud.provider.values import UNKNOWN, Properties, Value

Body = dict[str, Value]

_PROJECT = re.compile(r"projects/([^/]+)/")
_PLAIN = {
    "networkIp": "networkIP",
    "nicType": "nicType",
    "stackType": "stackType",
    "queueCount": "queueCount",
    "ipv6Address": "ipv6Address",
    "internalIpv6PrefixLength": "internalIpv6PrefixLength",
    "igmpQuery": "igmpQuery",
    "networkAttachment": "networkAttachment",
    "parentNicName": "parentNicName",
    "vlan": "vlan",
}
_NUMBERS = ("queueCount", "internalIpv6PrefixLength", "vlan")


def write_interface(interface: Properties, scope: Scope) -> Body:
    """Write one interface."""
    given = {name: value for name, value in interface.items() if value not in (None, UNKNOWN, "", 0, [], {})}
    body: Body = {api: given[name] for name, api in _PLAIN.items() if name in given}
    if "network" in given:
        body["network"] = resolve(given["network"], "global/networks", scope)
    if "subnetwork" in given:
        body["subnetwork"] = resolve(given["subnetwork"], "regions/{region}/subnetworks", scope)
    if "accessConfigs" in given:
        body["accessConfigs"] = [
            _without_unset(
                {
                    "type": "ONE_TO_ONE_NAT",
                    "natIP": config.get("natIp"),
                    "networkTier": config.get("networkTier"),
                }
            )
            for config in given["accessConfigs"]
        ]
    if "ipv6AccessConfigs" in given:
        body["ipv6AccessConfigs"] = [
            _without_unset({"type": "DIRECT_IPV6", "networkTier": config.get("networkTier")})
            for config in given["ipv6AccessConfigs"]
        ]
    for name in ("aliasIpRanges", "aliasIpv6Ranges"):
        if name in given:
            body[name] = [
                _without_unset(
                    {
                        "ipCidrRange": item.get("ipCidrRange"),
                        "subnetworkRangeName": item.get("subnetworkRangeName"),
                    }
                )
                for item in given[name]
            ]
    return body


def _without_unset(body: Body) -> Body:
    return {name: value for name, value in body.items() if value not in (None, UNKNOWN, "")}


def read_interface(interface: Body, scope: Scope) -> Properties:
    """Read one interface."""
    subnetwork = str(interface.get("subnetwork", ""))
    owner = _PROJECT.search(subnetwork)
    return {
        **{name: interface.get(api, 0 if name in _NUMBERS else "") for name, api in _PLAIN.items()},
        "accessConfigs": [
            {
                "natIp": config.get("natIP", ""),
                "networkTier": config.get("networkTier", ""),
                "publicPtrDomainName": config.get("publicPtrDomainName", ""),
            }
            for config in interface.get("accessConfigs") or []
        ],
        "ipv6AccessConfigs": [
            {
                "externalIpv6": config.get("externalIpv6", ""),
                "externalIpv6PrefixLength": str(config.get("externalIpv6PrefixLength", 0)),
                "name": config.get("name", ""),
                "networkTier": config.get("networkTier", ""),
                "publicPtrDomainName": config.get("publicPtrDomainName", ""),
            }
            for config in interface.get("ipv6AccessConfigs") or []
        ],
        **{
            name: [_read_alias(item) for item in interface.get(name) or []]
            for name in ("aliasIpRanges", "aliasIpv6Ranges")
        },
        "ipv6AccessType": interface.get("ipv6AccessType", ""),
        "name": interface.get("name", ""),
        "network": v1_link(interface.get("network", "")),
        "subnetwork": v1_link(subnetwork),
        "subnetworkProject": owner[1] if owner else scope.project,
    }


def _read_alias(item: Body) -> Properties:
    return {
        "ipCidrRange": item.get("ipCidrRange", ""),
        "subnetworkRangeName": item.get("subnetworkRangeName", ""),
    }
