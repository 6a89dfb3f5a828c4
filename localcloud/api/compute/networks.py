"""VPC networks. An auto-mode network gets a subnetwork in every region, as Google's does."""

from __future__ import annotations

import ipaddress
from typing import Any

from localcloud.api.compute.collection import Collection
from localcloud.api.compute.draft import Draft, fingerprint
from localcloud.api.compute.ipv6 import network_range
from localcloud.api.links import link

_AUTO_RANGE = ipaddress.IPv4Network("10.128.0.0/9")  # auto-mode subnetworks are consecutive /20s of this


def _complete(draft: Draft) -> None:
    document = draft.document
    if "IPv4Range" in document:
        raise draft.refuse("IPv4Range", "Legacy networks are not supported: leave the field out.")
    draft.default("autoCreateSubnetworks", True)
    draft.default("mtu", 1460)
    draft.bounds("mtu", 1300, 8896)
    draft.default("routingConfig.routingMode", "REGIONAL")
    document["routingConfig"].pop(
        "deleteBgpAlwaysCompareMed", None
    )  # a client's word for taking something out
    if document.get("enableUlaInternalIpv6"):
        draft.default("internalIpv6Range", network_range(draft.cloud.store, draft.project))
    draft.default("networkFirewallPolicyEnforcementOrder", "AFTER_CLASSIC_FIREWALL")
    if draft.old is None and document["autoCreateSubnetworks"]:
        document["subnetworks"] = _make_subnetworks(draft)


def _make_subnetworks(draft: Draft) -> list[str]:
    made = []
    ranges = _AUTO_RANGE.subnets(new_prefix=20)
    for region in draft.cloud.settings.regions:
        cidr = next(ranges)
        relname = f"projects/{draft.project}/regions/{region}/subnetworks/{draft.document['name']}"
        document: dict[str, Any] = {
            "kind": "compute#subnetwork",
            "id": draft.cloud.new_id(),
            "creationTimestamp": draft.cloud.timestamp(),
            "name": draft.document["name"],
            "network": link(draft.relname),
            "ipCidrRange": str(cidr),
            "gatewayAddress": str(cidr[1]),
            "region": link(f"projects/{draft.project}/regions/{region}"),
            "selfLink": link(relname),
            "privateIpGoogleAccess": False,
            "purpose": "PRIVATE",
            "stackType": "IPV4_ONLY",
            "state": "READY",
        }
        draft.writes[f"compute/{relname}"] = {**document, "fingerprint": fingerprint(document)}
        made.append(link(relname))
    return made


NETWORKS = Collection(
    resource="networks",
    segment="networks",
    scope="global",
    parameter="network",
    kind="compute#network",
    noun="network",
    schema="Network",
    complete=_complete,
    immutable=frozenset({"autoCreateSubnetworks", "description"}),
)
