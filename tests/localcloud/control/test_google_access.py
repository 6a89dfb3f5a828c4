"""By what instances reach Google's APIs, as on Google Cloud: an external address, Private Google Access or Cloud NAT; else by nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from localcloud.control import google_access
from localcloud.control.links import url
from localcloud.store import Store
from tests.localcloud.control.cloud import PROJECT, REGION, Cloud, standard

PLACE = f"projects/{PROJECT}/regions/{REGION}"
NETWORK, OTHER = f"projects/{PROJECT}/global/networks/web", f"projects/{PROJECT}/global/networks/other"
SUBNETWORK = f"{PLACE}/subnetworks/web"
ALL = "ALL_SUBNETWORKS_ALL_IP_RANGES"


def nat(source: str = ALL, *subnetworks: str) -> dict[str, Any]:
    return {
        "name": "nat",
        "sourceSubnetworkIpRangesToNat": source,
        "subnetworks": [{"name": url(each)} for each in subnetworks],
    }


@pytest.mark.parametrize(
    ("interface", "subnetwork", "router", "by"),
    [
        ({}, {}, {}, ""),
        ({"accessConfigs": [{"type": "ONE_TO_ONE_NAT"}]}, {}, {}, "an external address"),
        ({"ipv6AccessConfigs": [{"externalIpv6": "2001:db8::1"}]}, {}, {}, "an external address"),
        ({"ipv6Address": "2001:db8::1"}, {}, {}, ""),
        ({}, {"privateIpGoogleAccess": True}, {}, "Private Google Access"),
        ({}, {"privateIpGoogleAccess": False}, {}, ""),
        ({}, {}, {"network": url(NETWORK)}, ""),
        ({}, {}, {"network": url(NETWORK), "nats": [nat()]}, "Cloud NAT nat"),
        ({}, {}, {"network": url(OTHER), "nats": [nat()]}, ""),
        (
            {},
            {},
            {"network": url(NETWORK), "nats": [nat("LIST_OF_SUBNETWORKS", SUBNETWORK)]},
            "Cloud NAT nat",
        ),
        ({}, {}, {"network": url(NETWORK), "nats": [nat("LIST_OF_SUBNETWORKS", SUBNETWORK + "2")]}, ""),
    ],
)
def test_ways_to_googles_apis(
    interface: dict[str, Any], subnetwork: dict[str, Any], router: dict[str, Any], by: str
) -> None:
    store = Store()
    with store.transaction() as change:
        change.put("compute/" + SUBNETWORK, {"name": "web", "network": url(NETWORK), **subnetwork})
        if router:
            change.put(f"compute/{PLACE}/routers/r", {"name": "r", **router})
    assert google_access.by(store, {"subnetwork": url(SUBNETWORK), **interface}) == by
    store.close()


def reached(cloud: Cloud) -> set[bool]:
    """Return what the network in force says of the instances."""
    assert len(cloud.fabric.network.interfaces) == 3
    return {each.google_apis for each in cloud.fabric.network.interfaces}


def test_the_network_follows_subnetwork_and_routers_and_who_is_cut_off_is_told() -> None:
    async def scenario() -> None:
        cloud = standard()
        subnetwork = f"{PLACE}/subnetworks/web-sub"
        cloud.patch(subnetwork, privateIpGoogleAccess=False)
        async with cloud.running():
            await cloud.until_stable()
            assert reached(cloud) == {False}
            told = cloud.events("instance.cut_off")
            assert len(told) == 3
            assert "neither Private Google Access nor Cloud NAT" in told[0].message
            cloud.patch(subnetwork, privateIpGoogleAccess=True)
            await cloud.advance(1)
            assert reached(cloud) == {True}
            cloud.patch(subnetwork, privateIpGoogleAccess=False)
            await cloud.advance(1)
            assert reached(cloud) == {False}
            network = cloud.get(subnetwork)["network"]
            cloud.put(f"{PLACE}/routers/r", {"network": network, "nats": [nat()]})
            await cloud.advance(1)
            assert reached(cloud) == {True}

    asyncio.run(scenario())
