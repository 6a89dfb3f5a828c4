"""Reserved addresses."""

from __future__ import annotations

from localcloud.provider.compute import ComputeResource, Settings, Step
from localcloud.provider.links import read_link, read_region, reference, region_link
from localcloud.provider.mapping import OMIT, Table

_TABLE = Table(
    names={"addressId": "id"},
    kept=frozenset({"description"}),
    local=frozenset({"deletionPolicy", "project"}),
    unsent=frozenset({"labelFingerprint"}),
    writers={
        "network": reference("global/networks"),
        "subnetwork": reference("regions/{region}/subnetworks"),
        "region": region_link,
        "labels": lambda _, __: OMIT,
    },
    readers={
        "addressId": lambda body, _: str(body.get("id", "")),
        "network": read_link("network"),
        "subnetwork": read_link("subnetwork"),
        "region": read_region,
    },
)

ADDRESS = ComputeResource(
    "gcp:compute/address:Address",
    Settings(
        collection="regions/{region}/addresses",
        table=_TABLE,
        steps=(Step("POST", triggers=("effectiveLabels",), action="setLabels"),),
        labels="attributed",
    ),
)
