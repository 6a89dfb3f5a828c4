"""Cloud Routers, with the Cloud NAT gateways that they hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localcloud.api import errors
from localcloud.api.compute.collection import Collection, Link

if TYPE_CHECKING:
    from localcloud.api.compute.draft import Draft

_NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")


def _complete(draft: Draft) -> None:
    draft.require("network")
    names = set()
    for index, nat in enumerate(draft.get("nats") or []):
        where = f"resource.nats[{index}]"
        name = nat.get("name")
        if not name:
            raise errors.required(f"{where}.name")
        if not _NAME.fullmatch(name) or name in names:
            raise errors.invalid(f"{where}.name", name, "Names of a router's NATs must be valid and unique.")
        names.add(name)
        option = nat.setdefault("natIpAllocateOption", "AUTO_ONLY")
        if (option == "MANUAL_ONLY") != bool(nat.get("natIps")):
            rule = "Addresses must be given for MANUAL_ONLY, and only for it."
            raise errors.invalid(f"{where}.natIpAllocateOption", option, rule)
        source = nat.get("sourceSubnetworkIpRangesToNat")
        if not source:
            raise errors.required(f"{where}.sourceSubnetworkIpRangesToNat")
        if (source == "LIST_OF_SUBNETWORKS") != bool(nat.get("subnetworks")):
            rule = "Subnetworks must be given for LIST_OF_SUBNETWORKS, and only for it."
            raise errors.invalid(f"{where}.sourceSubnetworkIpRangesToNat", source, rule)
        nat.pop("initialNatIps", None)  # a client's own note: the addresses are in natIps
        nat.setdefault("type", "PUBLIC")
        nat.setdefault("enableEndpointIndependentMapping", False)
        nat.setdefault("endpointTypes", ["ENDPOINT_TYPE_VM"])


ROUTERS = Collection(
    resource="routers",
    segment="routers",
    scope="regions",
    parameter="router",
    kind="compute#router",
    noun="router",
    schema="Router",
    links=(
        Link(path="network", to=("networks",)),
        Link(path="nats[].subnetworks[].name", to=("subnetworks",)),
        Link(path="nats[].natIps[]", to=("addresses",)),
    ),
    complete=_complete,
    immutable=frozenset({"network"}),
)
