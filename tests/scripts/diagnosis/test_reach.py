"""What leads instances to Google's APIs, read from the API's documents."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.diagnosis.reach import reach

BASE = "https://www.googleapis.com/compute/v1/projects/demo"
NETWORK = f"{BASE}/global/networks/web"
SUBNETWORK: dict[str, Any] = {
    "name": "web",
    "network": NETWORK,
    "region": f"{BASE}/regions/europe-west1",
    "selfLink": f"{BASE}/regions/europe-west1/subnetworks/web",
}
OUT = {
    "network": NETWORK,
    "destRange": "0.0.0.0/0",
    "nextHopGateway": f"{BASE}/global/gateways/default-internet-gateway",
}


def router(**nat: object) -> dict[str, Any]:
    return {"network": NETWORK, "nats": [{"name": "web-nat", **nat}]}


def by(interface: dict[str, Any], subnetwork: dict[str, Any], *routers: dict[str, Any]) -> str:
    return reach(interface, {**SUBNETWORK, **subnetwork}, list(routers), [OUT]).by


@pytest.mark.parametrize(
    ("interface", "subnetwork", "routers", "way"),
    [
        ({}, {}, [], ""),
        ({"accessConfigs": [{"type": "ONE_TO_ONE_NAT"}]}, {}, [], "an external address of their own"),
        ({}, {"privateIpGoogleAccess": True}, [], "Private Google Access"),
        (
            {},
            {},
            [router(sourceSubnetworkIpRangesToNat="ALL_SUBNETWORKS_ALL_IP_RANGES")],
            "Cloud NAT web-nat",
        ),
        ({}, {}, [router(sourceSubnetworkIpRangesToNat="LIST_OF_SUBNETWORKS")], ""),
        (
            {},
            {},
            [
                router(
                    sourceSubnetworkIpRangesToNat="LIST_OF_SUBNETWORKS",
                    subnetworks=[{"name": SUBNETWORK["selfLink"]}],
                )
            ],
            "Cloud NAT web-nat",
        ),
        (
            {},
            {},
            [{**router(sourceSubnetworkIpRangesToNat="ALL_SUBNETWORKS_ALL_IP_RANGES"), "network": "another"}],
            "",
        ),
    ],
)
def test_what_leads_out(
    interface: dict[str, Any], subnetwork: dict[str, Any], routers: list[dict[str, Any]], way: str
) -> None:
    assert by(interface, subnetwork, *routers) == way


@pytest.mark.parametrize(
    ("routes", "routed"),
    [
        (None, None),
        ([], False),
        ([OUT], True),
        ([{**OUT, "destRange": "199.36.153.8/30"}], True),
        ([{**OUT, "destRange": "203.0.113.0/24"}], False),
        ([{**OUT, "nextHopGateway": ""}], False),
        ([{**OUT, "network": "another"}], False),
        ([{**OUT, "destRange": "::/0"}], True),
    ],
)
def test_whether_a_route_leads_to_the_gateway(
    routes: list[dict[str, Any]] | None, routed: bool | None
) -> None:
    found = reach({}, SUBNETWORK, [], routes)
    assert (found.routed, found.region, found.subnetwork) == (routed, "europe-west1", "web")
