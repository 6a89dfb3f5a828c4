"""By what instances reach Google's APIs, as on Google Cloud: an external address, Private Google Access or Cloud NAT; else by nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from localcloud.control import google_access
from localcloud.control.links import url
from localcloud.store import Store
from tests.localcloud.control.cloud import Cloud, standard
from tests.localcloud.control.documents import PROJECT, REGION

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


def egress(action: str, priority: int, **fields: object) -> dict[str, Any]:
    return {
        "network": url(NETWORK),
        "direction": "EGRESS",
        "priority": priority,
        action: [{"IPProtocol": "all"}],
        "destinationRanges": ["0.0.0.0/0"],
        **fields,
    }


TLS = [{"IPProtocol": "tcp", "ports": ["400-443"]}]


@pytest.mark.parametrize(
    ("rules", "denied_by"),
    [
        ([], ""),
        ([egress("allowed", 900)], ""),
        ([egress("denied", 900)], "r0"),
        ([egress("denied", 900, destinationRanges=[])], "r0"),
        ([egress("denied", 900, disabled=True)], ""),
        ([egress("denied", 900, direction="INGRESS")], ""),
        ([egress("denied", 900, network=url(OTHER))], ""),
        ([egress("denied", 900, destinationRanges=["199.36.153.8/30", "10.0.0.0/8"])], "r0"),
        ([egress("denied", 900, destinationRanges=["10.0.0.0/8", "::/0"])], ""),
        ([egress("denied", 900, denied=TLS)], "r0"),
        ([egress("denied", 900, denied=[{"IPProtocol": "tcp", "ports": ["80"]}])], ""),
        ([egress("denied", 900, denied=[{"IPProtocol": "udp"}])], ""),
        ([egress("denied", 900, targetTags=["web"])], "r0"),
        ([egress("denied", 900, targetTags=["other"])], ""),
        ([egress("denied", 900, targetServiceAccounts=["vm@p.iam"])], "r0"),
        ([egress("denied", 900, targetServiceAccounts=["other@p.iam"])], ""),
        ([egress("denied", 900), egress("allowed", 800, allowed=TLS)], ""),
        ([egress("denied", 900), egress("allowed", 900)], "r0"),
        ([egress("denied", 900), egress("allowed", 1000)], "r0"),
    ],
)
def test_egress_rules_are_about_googles_apis_too(rules: list[dict[str, Any]], denied_by: str) -> None:
    store = Store()
    with store.transaction() as change:
        change.put("compute/" + SUBNETWORK, {"network": url(NETWORK), "privateIpGoogleAccess": True})
        for number, rule in enumerate(rules):
            name = f"r{number}"
            change.put(f"compute/projects/{PROJECT}/global/firewalls/{name}", {"name": name, **rule})
    instance = {
        "networkInterfaces": [{"network": url(NETWORK), "subnetwork": url(SUBNETWORK)}],
        "tags": {"items": ["web"]},
        "serviceAccounts": [{"email": "vm@p.iam"}],
    }
    said = google_access.obstacle(store, instance)
    assert (f"firewall rule {denied_by} denies" in said) if denied_by else not said
    assert not denied_by or "priority number below 900" in said
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


def test_a_rule_against_egress_cuts_instances_off_while_it_is_there_and_is_named() -> None:
    async def scenario() -> None:
        cloud = standard()
        network = cloud.get(f"{PLACE}/subnetworks/web-sub")["network"]
        rule = f"projects/{PROJECT}/global/firewalls/shut"
        async with cloud.running():
            await cloud.until_stable()
            assert reached(cloud) == {True}
            cloud.put(rule, egress("denied", 900, network=network))
            await cloud.advance(1)
            assert reached(cloud) == {False}
            assert not cloud.events("instance.cut_off"), "told of instances as they begin to run"
            await cloud.machines.crash(next(iter(cloud.instances().values()))["id"])
            told = await cloud.until("instance.cut_off", within=600)
            assert "firewall rule shut denies" in told.message
            cloud.patch(rule, disabled=True)
            await cloud.advance(1)
            assert reached(cloud) == {True}

    asyncio.run(scenario())
