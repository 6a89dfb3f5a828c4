"""Reserved addresses: external ones from the cloud's range, internal ones from a subnetwork."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from localcloud.api import errors
from localcloud.api.compute.address_pool import free_external, free_internal, taken
from localcloud.api.compute.collection import Collection, Link
from localcloud.api.compute.ipv6 import balancer_range
from localcloud.api.compute.references import referenced

if TYPE_CHECKING:
    from localcloud.api.compute.draft import Draft


def _complete(draft: Draft) -> None:
    if draft.old is not None:
        return
    draft.default("addressType", "EXTERNAL")
    if draft.get("ipVersion") == "IPV6":
        _ipv6(draft)
    elif draft.document["addressType"] == "EXTERNAL":
        _external(draft)
    else:
        _internal(draft)
    draft.document["status"] = "RESERVED"


def _external(draft: Draft) -> None:
    draft.default("networkTier", "PREMIUM")
    for name in ("subnetwork", "network", "purpose"):
        if draft.get(name):
            raise draft.refuse(
                name, "Only internal addresses have it: leave it out or set addressType to INTERNAL."
            )
    settings = draft.cloud.settings
    given = draft.get("address")
    if not given:
        address = free_external(draft.cloud.store, draft.project, settings.external_range)
        if address is None:
            raise _exhausted("STATIC_ADDRESSES", settings.external_range)
        draft.document["address"] = address
        return
    _check_free(draft, given, settings.external_range)


def _ipv6(draft: Draft) -> None:
    """Reserve a load balancer's IPv6 range in a subnetwork that has one; nothing is reached by it."""
    if draft.document["addressType"] != "EXTERNAL" or draft.get("ipv6EndpointType") != "NETLB":
        rule = "The local cloud reserves external IPv6 addresses of load balancers only: set ipv6EndpointType to NETLB."
        raise draft.refuse("ipv6EndpointType", rule)
    if draft.get("address"):
        raise draft.refuse("address", "The local cloud chooses IPv6 addresses: leave it out.")
    draft.default("networkTier", "PREMIUM")
    if draft.document["networkTier"] != "PREMIUM":
        raise draft.refuse("networkTier", "IPv6 addresses are of the PREMIUM tier.")
    subnetwork = referenced(draft.cloud.store, draft.require("subnetwork")) or {}
    cidr = subnetwork.get("externalIpv6Prefix")
    if not cidr:
        raise draft.refuse("subnetwork", "The subnetwork has no external IPv6 range.")
    address, _, length = balancer_range(draft.cloud.store, draft.project, cidr).partition("/")
    draft.document.update(address=address, prefixLength=int(length))


def _internal(draft: Draft) -> None:
    draft.default("purpose", "GCE_ENDPOINT")
    subnetwork = referenced(draft.cloud.store, draft.require("subnetwork"))
    if subnetwork is None:
        raise errors.required("resource.subnetwork")
    cidr = subnetwork["ipCidrRange"]
    given = draft.get("address")
    if not given:
        address = free_internal(draft.cloud.store, draft.project, cidr)
        if address is None:
            raise _exhausted("IP_SPACE", cidr)
        draft.document["address"] = address
        return
    _check_free(draft, given, cidr)


def _check_free(draft: Draft, given: str, cidr: str) -> None:
    try:
        inside = ipaddress.IPv4Address(given) in ipaddress.IPv4Network(cidr)
    except ValueError as error:
        raise draft.refuse("address", f"Must be an IPv4 address: {error}.") from error
    if not inside:
        raise draft.refuse("address", f"The address must be within {cidr}.")
    if given in taken(draft.cloud.store, draft.project):
        raise draft.refuse("address", "Specified IP address is already reserved or in use.")


def _removed(draft: Draft) -> None:
    for user in draft.document.get("users", []):
        raise errors.in_use("address", draft.relname, user.partition("/v1/")[2])


def _exhausted(what: str, cidr: str) -> errors.ApiError:
    return errors.ApiError(
        403, "quotaExceeded", f"Quota '{what}' exceeded. No free address is left in {cidr}."
    )


ADDRESSES = Collection(
    resource="addresses",
    segment="addresses",
    scope="regions",
    parameter="address",
    kind="compute#address",
    noun="address",
    schema="Address",
    links=(Link(path="subnetwork", to=("subnetworks",)), Link(path="network", to=("networks",))),
    complete=_complete,
    removed=_removed,
)
