"""Plans read from the store: addresses, machine types, the network, probes; and Google's words where something cannot be made."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.api.compute.machine_types import machine_types
from localcloud.control import network as networks
from localcloud.control.addresses import AddressBook, SubnetworkFullError
from localcloud.control.group import parse
from localcloud.control.links import relname, url
from localcloud.control.machine_types import Allotment, allotment
from localcloud.control.simulated_firewall import admits
from localcloud.plans import sizes
from localcloud.plans.disruption import disruption
from localcloud.store import Store
from tests.localcloud.control.cloud import Cloud, standard
from tests.localcloud.control.documents import GROUP, HEALING, check, group, network

SUBNETWORK = "projects/p/regions/europe-west1/subnetworks/web-sub"


def test_addresses_skip_googles_reserved_ones_and_end_with_an_error() -> None:
    book = AddressBook(Store())
    assert [book.allocate(SUBNETWORK, "10.0.0.0/29") for _ in range(4)] == [
        "10.0.0.2",
        "10.0.0.3",
        "10.0.0.4",
        "10.0.0.5",
    ]
    with pytest.raises(SubnetworkFullError, match="exhausted"):
        book.allocate(SUBNETWORK, "10.0.0.0/29")


def test_a_full_subnetwork_is_told_with_googles_code_and_healed_by_room() -> None:
    async def story() -> None:
        cloud = Cloud()
        network(cloud, cidr="10.0.0.0/29")
        check(cloud, HEALING)
        group(cloud, 6)
        async with cloud.running():
            await cloud.advance(120)
            assert len(cloud.instances()) == 4
            failed = [member for member in cloud.members().values() if member.last_attempt]
            assert len(failed) == 2
            error = failed[0].last_attempt["errors"]["errors"][0]
            assert error["code"] == "IP_SPACE_EXHAUSTED"
            errors = cloud.store.get("control/errors/" + GROUP)
            assert errors is not None
            assert {item["error"]["code"] for item in errors["items"]} == {"IP_SPACE_EXHAUSTED"}
            assert not cloud.group()["status"]["isStable"]
            cloud.patch(GROUP, targetSize=4)
            await cloud.until_stable()

    asyncio.run(story())


def test_a_missing_template_is_named_and_found_when_it_comes() -> None:
    async def story() -> None:
        cloud = standard(
            size=1, versions=[{"instanceTemplate": url("projects/p/global/instanceTemplates/late")}]
        )
        async with cloud.running():
            await cloud.advance(30)
            (member,) = cloud.members().values()
            assert "instanceTemplates/late" in member.last_attempt["errors"]["errors"][0]["message"]
            source = cloud.get("projects/p/global/instanceTemplates/one")
            cloud.put("projects/p/global/instanceTemplates/late", source)
            await cloud.until_stable()
            (member,) = cloud.members().values()
            assert member.last_attempt == {}

    asyncio.run(story())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("e2-micro", Allotment(vcpus=0.25, burst_vcpus=2.0, memory_mib=1024)),
        ("e2-small", Allotment(vcpus=0.5, burst_vcpus=2.0, memory_mib=2048)),
        ("e2-medium", Allotment(vcpus=1.0, burst_vcpus=2.0, memory_mib=4096)),
        ("g1-small", Allotment(vcpus=0.5, burst_vcpus=1.0, memory_mib=1740)),
        ("n2-standard-2", Allotment(vcpus=2.0, burst_vcpus=2.0, memory_mib=8192)),
        ("n1-standard-1", Allotment(vcpus=1.0, burst_vcpus=1.0, memory_mib=3840)),
        ("c3-highmem-4", Allotment(vcpus=4.0, burst_vcpus=4.0, memory_mib=32768)),
        ("e2-custom-4-5120", Allotment(vcpus=4.0, burst_vcpus=4.0, memory_mib=5120)),
        ("e2-custom-small-2048", Allotment(vcpus=0.5, burst_vcpus=2.0, memory_mib=2048)),
        ("custom-2-3072", Allotment(vcpus=2.0, burst_vcpus=2.0, memory_mib=3072)),
    ],
)
def test_machine_types(name: str, expected: Allotment) -> None:
    assert allotment(name) == expected


def test_machine_types_are_as_large_as_the_api_says() -> None:
    for name, told in machine_types().items():
        found = allotment(name)
        assert (found.burst_vcpus, found.memory_mib) == (told.vcpus, told.memory_mib), name
        assert (found.vcpus < found.burst_vcpus) == told.shared, name


def test_an_unknown_machine_type_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'huge'"):
        allotment("huge")


def test_the_network_is_closed_but_for_its_rules() -> None:
    cloud = Cloud()
    network(cloud)
    net = "projects/p/global/networks/web-net"
    base = {"network": url(net), "direction": "INGRESS", "sourceRanges": ["130.211.0.0/22"]}
    cloud.put(
        "projects/p/global/firewalls/off", {**base, "disabled": True, "allowed": [{"IPProtocol": "all"}]}
    )
    cloud.put(
        "projects/p/global/firewalls/six",
        {**base, "sourceRanges": ["2600:1901:8001::/48"], "allowed": [{"IPProtocol": "tcp"}]},
    )
    cloud.put(
        "projects/p/global/firewalls/open",
        {"network": url(net), "allowed": [{"IPProtocol": "TCP", "ports": ["22"]}]},
    )
    plan = networks.plan(cloud.store)
    names = {rule.name: rule for rule in plan.firewall}
    assert set(names) == {"web-hc", "six", "open", "default-allow-egress", "default-deny-ingress"}
    assert names["six"].source_ranges == ("2600:1901:8001::/48",)
    assert names["default-deny-ingress"].source_ranges == ("0.0.0.0/0", "::/0")
    assert names["open"].source_ranges == ("0.0.0.0/0",)
    assert names["open"].protocols == (("tcp", ("22",)),)
    assert names["default-deny-ingress"].priority == 65535
    assert plan.subnetworks[0].gateway == "10.128.0.1"


def test_firewall_rules_decide_by_priority_and_deny_first() -> None:
    async def story() -> None:
        async with standard(size=1).running() as cloud:
            await cloud.until_stable()
            (name,) = cloud.instances()

            def admitted(source: str, port: int) -> bool:
                plan = cloud.fabric.network
                (interface,) = [each for each in plan.interfaces if each.instance == name]
                return admits(plan, interface, source, "tcp", port)

            assert admitted("130.211.0.9", 8080)
            assert not admitted("130.211.0.9", 80)
            assert not admitted("198.18.0.1", 8080)
            deny = {
                "network": cloud.get("projects/p/global/firewalls/web-hc")["network"],
                "denied": [{"IPProtocol": "all"}],
            }
            cloud.put(
                "projects/p/global/firewalls/deny",
                {**deny, "sourceRanges": ["130.211.0.0/24"], "priority": 1000},
            )
            await cloud.advance(1)
            assert not admitted("130.211.0.9", 8080)
            cloud.patch("projects/p/global/firewalls/deny", priority=1001)
            await cloud.advance(1)
            assert admitted("130.211.0.9", 8080)

    asyncio.run(story())


@given(st.integers(0, 2000), st.integers(0, 100))
def test_percentages_are_rounded_to_the_nearest(size: int, percent: int) -> None:
    assert abs(sizes.limit({"percent": percent}, size, 1) - size * percent / 100) <= 0.5
    assert sizes.limit({"fixed": 3, "percent": None}, size, 1) == 3
    assert sizes.limit({"fixed": None}, size, 4) == 4
    share = sizes.share({"percent": percent}, size)
    assert share is not None
    assert 0 <= share - size * percent / 100 < 1


def test_a_group_without_versions_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="web: versions is empty"):
        parse(GROUP, {"targetSize": 1}, deleting=False)


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, "NONE"),
        ({"metadata": 2}, "REFRESH"),
        ({"metadata": 2, "machineType": "x"}, "RESTART"),
        ({"disks": 2, "metadata": 2}, "REPLACE"),
        ({"networkInterfaces": 2}, "REPLACE"),
        *(({field: 2}, "REFRESH") for field in ("labels", "tags", "description")),
        *(
            ({field: 2}, "RESTART")
            for field in (
                "minCpuPlatform",
                "serviceAccounts",
                "shieldedInstanceConfig",
                "scheduling",
                "guestAccelerators",
                "advancedMachineFeatures",
            )
        ),
    ],
)
def test_how_disruptive_a_change_of_template_is(changes: dict[str, object], level: str) -> None:
    old = {"metadata": 1, "machineType": "e2-small", "disks": 1}
    assert disruption(old, {**old, **changes}) == level


@pytest.mark.parametrize(
    "link",
    [
        "https://www.googleapis.com/compute/v1/projects/p/zones/z/instances/i",
        "http://127.0.0.1:9822/compute/beta/projects/p/zones/z/instances/i",
        "projects/p/zones/z/instances/i",
        "zones/z/instances/i",
    ],
)
def test_links_in_any_form_have_one_name(link: str) -> None:
    assert relname(link, "projects/p/global/x") == "projects/p/zones/z/instances/i"
