"""How instances reach Google's APIs: by an address of their own, Private Google Access, or Cloud NAT, or not at all. Pure over the store.

Without any of them what they send there is dropped, as on Google Cloud: Cloud Storage, from where start-up scripts are fetched, does not
answer. The metadata server always does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.control import ipv6
from localcloud.control.links import relname

if TYPE_CHECKING:
    from localcloud.store import Document, Store

MISSING = (
    "it cannot reach Google's APIs, Cloud Storage neither: it has no external address, and its subnetwork neither Private Google "
    "Access nor Cloud NAT; set privateIpGoogleAccess on the subnetwork"
)


def by(store: Store, interface: Document) -> str:
    """Return by what an instance with this interface reaches Google's APIs, in words; empty: by nothing."""
    if interface.get("accessConfigs") or ipv6.external_address_of(interface):
        return "an external address"
    name = relname(interface["subnetwork"])
    subnetwork = store.get("compute/" + name)
    if subnetwork is None:
        return ""
    if subnetwork.get("privateIpGoogleAccess"):
        return "Private Google Access"
    region = name.rpartition("/subnetworks/")[0]
    for key, router in store.scan(f"compute/{region}/routers/"):
        if relname(router["network"], key.removeprefix("compute/")) != relname(subnetwork["network"], name):
            continue
        for nat in router.get("nats") or []:
            listed = {relname(each["name"], name) for each in nat.get("subnetworks") or []}
            if nat["sourceSubnetworkIpRangesToNat"].startswith("ALL_") or name in listed:
                return f"Cloud NAT {nat['name']}"
    return ""
