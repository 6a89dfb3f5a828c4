"""How instances reach Google's APIs: by an address of their own, Private Google Access, or Cloud NAT, or not at all. Pure over the store.

Without any of them, or against the firewall's egress rules, what they send there is dropped, as on Google Cloud: Cloud Storage, from where
start-up scripts are fetched, does not answer. The metadata server always does: no rule of the firewall is about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.control import firewall, ipv6
from localcloud.control.links import relname
from localcloud.plans.network import GOOGLE_ADDRESS

if TYPE_CHECKING:
    from localcloud.store import Document, Store

MISSING = (
    "it cannot reach Google's APIs, Cloud Storage neither: it has no external address, and its subnetwork neither Private Google "
    "Access nor Cloud NAT; set privateIpGoogleAccess on the subnetwork"
)

_HTTPS = 443  # what rules about Google's APIs are about; port 80 goes with it


def obstacle(store: Store, instance: Document) -> str:
    """Return what keeps an instance from Google's APIs, in words; empty: it reaches them.

    Their names lead to one address here, private.googleapis.com's, whichever way an instance has: egress rules are about that one.
    """
    interface = instance["networkInterfaces"][0]
    if not by(store, interface):
        return MISSING
    network = relname(interface["network"])
    rule = firewall.deciding(
        firewall.egress(store, network),
        "EGRESS",
        network=network,
        tags=firewall.tags_of(instance),
        service_account=firewall.service_account_of(instance),
        peer=GOOGLE_ADDRESS,
        protocol="tcp",
        port=_HTTPS,
    )
    if rule is None or rule.action == "allow":
        return ""
    return (
        f"it cannot reach Google's APIs, Cloud Storage neither: firewall rule {rule.name} denies egress to {GOOGLE_ADDRESS}, where their "
        f"names lead to; allow tcp:{_HTTPS} to 199.36.153.8/30 by a rule of a priority number below {rule.priority}"
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
