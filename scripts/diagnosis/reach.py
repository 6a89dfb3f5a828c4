"""How instances reach Google's APIs, Cloud Storage above all: by an address of their own, Private Google Access, or Cloud NAT.

Pure: read from the API's documents. All three need a route to the internet gateway; a network has one unless somebody took it away.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

from scripts.diagnosis.google_api import relative

Document = dict[str, Any]
_GATEWAY = "default-internet-gateway"
# The addresses of private.googleapis.com and restricted.googleapis.com, which a private zone may lead Google's names to.
_GOOGLES_OWN = (ipaddress.ip_network("199.36.153.8/30"), ipaddress.ip_network("199.36.153.4/30"))


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What is known of the way out.

    Attributes:
        subnetwork: its name.
        region: where it is.
        by: what leads out, in words; empty where nothing does.
        routed: whether a route leads to the internet gateway; None where routes could not be read.
    """

    subnetwork: str
    region: str
    by: str
    routed: bool | None = None


def reach(
    interface: Document, subnetwork: Document, routers: list[Document], routes: list[Document] | None
) -> Reach:
    """Read the way out of instances.

    Args:
        interface: the template's first network interface.
        subnetwork: the subnetwork it stands in.
        routers: those of the subnetwork's region.
        routes: those of the project, or None where they could not be read.
    """
    by = ""
    if interface.get("accessConfigs") or interface.get("ipv6AccessConfigs"):
        by = "an external address of their own"
    elif subnetwork.get("privateIpGoogleAccess"):
        by = "Private Google Access"
    elif nat := _nat(subnetwork, routers):
        by = f"Cloud NAT {nat}"
    network = relative(subnetwork.get("network", ""))
    routed = None
    if routes is not None:
        routed = any(_leads_out(route) for route in routes if relative(route.get("network", "")) == network)
    return Reach(
        subnetwork=subnetwork["name"],
        region=subnetwork.get("region", "").rstrip("/").rpartition("/")[2],
        by=by,
        routed=routed,
    )


def _nat(subnetwork: Document, routers: list[Document]) -> str:
    """Return the NAT that translates for the subnetwork's primary range; empty if none does."""
    own = relative(subnetwork.get("selfLink", ""))
    for router in routers:
        if relative(router.get("network", "")) != relative(subnetwork.get("network", "")):
            continue
        for nat in router.get("nats") or []:
            listed = {relative(entry.get("name", "")) for entry in nat.get("subnetworks") or []}
            if nat.get("sourceSubnetworkIpRangesToNat", "").startswith("ALL_") or own in listed:
                return str(nat["name"])
    return ""


def _leads_out(route: Document) -> bool:
    if route.get("nextHopGateway", "").rpartition("/")[2] != _GATEWAY:
        return False
    to = ipaddress.ip_network(route.get("destRange", "0.0.0.0/32"), strict=False)
    return to.prefixlen == 0 or to in _GOOGLES_OWN
