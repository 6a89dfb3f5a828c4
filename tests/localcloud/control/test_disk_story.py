"""Disks and addresses that stateful groups keep: through repairs and updates, and after instances have left for good."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from localcloud.control.links import url
from localcloud.plans import per_instance
from tests.localcloud.control.cloud import GROUP, PROJECT, REGION, Cloud, standard, template
from tests.localcloud.control.test_stateful_story import addresses, policy, standing

DATA = [
    {"boot": True, "autoDelete": True, "deviceName": "boot", "initializeParams": {"sourceImage": "debian"}},
    {"autoDelete": True, "deviceName": "data"},
]
GOES = "ON_PERMANENT_INSTANCE_DELETION"


def keeping(rule: str = "NEVER", **fields: Any) -> Cloud:  # noqa: ANN401 - fields of a JSON document
    """A group whose instances keep their data disk and their address, by this rule."""
    kept = {"disks": {"data": {"autoDelete": rule}}, "internalIPs": {"nic0": {"autoDelete": rule}}}
    cloud = standard(statefulPolicy={"preservedState": kept}, **fields)
    cloud.patch(GROUP, versions=[{"instanceTemplate": url(template(cloud, "one", disks=DATA))}])
    policy(cloud, maxSurge={"fixed": 0}, maxUnavailable={"fixed": 3}, replacementMethod="RECREATE")
    return cloud


def disks(cloud: Cloud) -> dict[str, dict[str, Any]]:
    return {
        document["name"]: dict(document)
        for key, document in cloud.store.scan(f"compute/projects/{PROJECT}/zones/")
        if key.split("/")[-2] == "disks"
    }


def reservations(cloud: Cloud) -> dict[str, str]:
    return {
        document["address"]: document["status"]
        for _, document in cloud.store.scan(f"compute/projects/{PROJECT}/regions/{REGION}/addresses/")
    }


def attached(cloud: Cloud) -> dict[str, dict[str, str]]:
    """The ids of each instance's disks by device."""
    found = disks(cloud)
    return {
        name: {
            entry["deviceName"]: found[entry["source"].rpartition("/")[2]]["id"]
            for entry in document["disks"]
        }
        for name, document in cloud.instances().items()
    }


def configure(cloud: Cloud, name: str, **state: Any) -> None:  # noqa: ANN401 - fields of a JSON document
    with cloud.store.transaction() as change:
        document = {"name": name, "preservedState": state, "status": per_instance.UNAPPLIED}
        change.put(per_instance.key_of(GROUP, name), document)


def test_disks_come_and_go_with_their_instances() -> None:
    async def story() -> None:
        cloud = standard(size=2)
        cloud.patch(GROUP, versions=[{"instanceTemplate": url(template(cloud, "one", disks=DATA))}])
        async with cloud.running():
            await cloud.until_stable()
            found = disks(cloud)
            assert len(found) == 4
            for name, instance in cloud.instances().items():
                assert found[name]["users"] == [instance["selfLink"]] == found[f"{name}-1"]["users"]
                assert found[name]["sourceImage"] == "debian"
            before = set(cloud.machines.kept)
            for name in cloud.members():
                cloud.request("delete", cloud.members()[name].instance.removeprefix("compute/"))
            await cloud.until("instance.repair", within=60)
            await cloud.until_stable()
            assert len(disks(cloud)) == 4
            assert not before & set(cloud.machines.kept), "what deleted disks held is gone"
            cloud.patch(GROUP, targetSize=0)
            await cloud.until_stable()
            assert not disks(cloud)
            assert not cloud.machines.kept

    asyncio.run(story())


def test_a_disk_that_is_not_deleted_with_its_instance_stays_and_the_next_one_has_another_name() -> None:
    async def story() -> None:
        cloud = standard(size=1)
        kept = [{"boot": True, "autoDelete": False, "initializeParams": {"sourceImage": "debian"}}]
        cloud.patch(GROUP, versions=[{"instanceTemplate": url(template(cloud, "one", disks=kept))}])
        async with cloud.running():
            await cloud.until_stable()
            (name,) = cloud.members()
            cloud.request("recreateInstances", GROUP, instances=[name])
            await cloud.until("instance.deleted", within=60)
            await cloud.until_stable()
            assert {each: bool(disk.get("users")) for each, disk in disks(cloud).items()} == {
                name: False,
                f"{name}-2": True,
            }

    asyncio.run(story())


def test_what_is_kept_is_the_same_through_repair_recreation_and_update() -> None:
    async def story() -> None:
        cloud = keeping()
        async with cloud.running():
            await cloud.until_stable()
            before, at = attached(cloud), addresses(cloud)
            victim, other, *_ = sorted(before)
            await cloud.machines.crash(cloud.members()[victim].instance_id)
            cloud.request("recreateInstances", GROUP, instances=[other])
            await cloud.until("autohealing.recreate", within=300)
            await cloud.until_stable()
            cloud.patch(GROUP, versions=[{"instanceTemplate": url(template(cloud, "two", disks=DATA))}])
            await cloud.until_stable()
            after = attached(cloud)
            assert {name: each["data"] for name, each in after.items()} == {
                name: each["data"] for name, each in before.items()
            }
            assert all(after[name]["boot"] != before[name]["boot"] for name in before)
            assert addresses(cloud) == at
            assert reservations(cloud) == dict.fromkeys(at.values(), "IN_USE")
            specs = [guest.spec for guest in cloud.machines.guests.values()]
            assert {disk.id for spec in specs for disk in spec.disks} == {
                each["data"] for each in before.values()
            }
            record = cloud.store.get(f"control/managed/{GROUP}/{victim}") or {}
            assert record["preservedStateFromPolicy"] == {
                "disks": {
                    "data": {
                        "source": url(
                            f"{cloud.members()[victim].instance.removeprefix('compute/').replace('/instances/', '/disks/')}-1"
                        ),
                        "mode": "READ_WRITE",
                        "autoDelete": "NEVER",
                    }
                },
                "internalIPs": {
                    "nic0": {
                        "ipAddress": {
                            "literal": at[victim],
                            "address": url(f"projects/{PROJECT}/regions/{REGION}/addresses/{victim}-nic0"),
                        },
                        "autoDelete": "NEVER",
                    }
                },
            }

    asyncio.run(story())


@pytest.mark.parametrize("rule", ["NEVER", GOES])
@pytest.mark.parametrize("how", ["resize", "deleteInstances", "delete the group"])
def test_once_an_instance_has_left_for_good_its_rule_decides(rule: str, how: str) -> None:
    async def story() -> None:
        cloud = keeping(rule)
        async with cloud.running():
            await cloud.until_stable()
            before, at = attached(cloud), addresses(cloud)
            match how:
                case "resize":
                    cloud.patch(GROUP, targetSize=0)
                case "deleteInstances":
                    cloud.request("deleteInstances", GROUP, instances=sorted(before))
                case _:
                    with cloud.store.transaction() as change:
                        change.put("control/deleting/" + GROUP, {})
            await cloud.advance(300)
            assert not cloud.instances()
            left = {disk["id"]: disk.get("users") for disk in disks(cloud).values()}
            if rule == "NEVER":
                assert left == {each["data"]: None for each in before.values()}
                assert reservations(cloud) == dict.fromkeys(at.values(), "RESERVED")
                assert set(cloud.machines.kept) == set(left)
            else:
                assert (left, reservations(cloud), cloud.machines.kept) == ({}, {}, {})

    asyncio.run(story())


@pytest.mark.parametrize("gone", ["before", "after"])
def test_an_abandoned_instances_address_is_free_once_it_is_gone(gone: str) -> None:
    async def story() -> None:
        cloud = keeping(GOES)
        async with cloud.running():
            await cloud.until_stable()
            name, literal = next(iter(sorted(addresses(cloud).items())))
            member = cloud.members()[name]
            if gone == "before":  # it is on its way to be made again, which nobody wants any more
                cloud.request("recreateInstances", GROUP, instances=[name])
            cloud.request("abandonInstances", GROUP, instances=[name])
            await cloud.advance(60)
            if gone == "after":
                assert reservations(cloud)[literal] == "IN_USE"
                cloud.request("delete", member.instance.removeprefix("compute/"))
                await cloud.advance(60)
            assert name not in cloud.instances()
            assert reservations(cloud)[literal] == "RESERVED"
            others = {status for at, status in reservations(cloud).items() if at != literal}
            assert others == {"IN_USE"}

    asyncio.run(story())


def test_a_policy_that_comes_later_is_applied_without_a_restart() -> None:
    async def story() -> None:
        cloud = standard()
        cloud.patch(GROUP, versions=[{"instanceTemplate": url(template(cloud, "one", disks=DATA))}])
        policy(cloud, minimalAction="REFRESH")
        async with cloud.running():
            await cloud.until_stable()
            before, at = attached(cloud), addresses(cloud)
            kept = {"disks": {"data": {"autoDelete": GOES}}, "internalIPs": {"nic0": {}}}
            cloud.patch(GROUP, statefulPolicy={"preservedState": kept})
            await cloud.until_stable()
            assert attached(cloud) == before
            assert len(cloud.events("instance.refresh")) == 3
            for name in before:
                cloud.request("delete", cloud.members()[name].instance.removeprefix("compute/"))
            await cloud.until("instance.repair", within=60)
            await cloud.until_stable()
            assert {name: each["data"] for name, each in attached(cloud).items()} == {
                name: each["data"] for name, each in before.items()
            }
            assert addresses(cloud) == at
            cloud.patch(GROUP, statefulPolicy={})
            await cloud.until_stable()
            assert {
                entry["autoDelete"] for each in cloud.instances().values() for entry in each["disks"]
            } == {True}
            assert reservations(cloud) == dict.fromkeys(at.values(), "RESERVED")

    asyncio.run(story())


def test_an_instance_is_given_a_disk_that_there_is_and_gives_it_back() -> None:
    async def story() -> None:
        cloud = keeping(size=1)
        policy(cloud, minimalAction="REFRESH")
        async with cloud.running():
            await cloud.until_stable()
            (first,) = cloud.members()
            (old,) = attached(cloud).values()
            cloud.request("deleteInstances", GROUP, instances=[first])
            await cloud.advance(120)
            source = disks(cloud)[f"{first}-1"]["selfLink"]
            zone = source.split("/zones/")[1].split("/")[0]
            cloud.patch(GROUP, targetSize=3)
            await cloud.until_stable()
            name = next(name for name, member in cloud.members().items() if member.zone == zone)
            configure(cloud, name, disks={"archive": {"source": source, "mode": "READ_ONLY"}})
            await cloud.until_stable()
            assert standing(cloud, name) == per_instance.EFFECTIVE
            assert attached(cloud)[name]["archive"] == old["data"]
            assert [event.subject for event in cloud.events("instance.restart")] == [name]
            (disk,) = [each for each in cloud.guest(name).spec.disks if each.device == "archive"]
            assert (disk.id, disk.read_only) == (old["data"], True)
            configure(cloud, name)
            await cloud.until_stable()
            assert "archive" not in attached(cloud)[name]
            assert not disks(cloud)[f"{first}-1"].get("users")

    asyncio.run(story())


def test_a_disk_that_another_instance_has_is_not_given_and_told() -> None:
    async def story() -> None:
        cloud = keeping()
        policy(cloud, minimalAction="REFRESH")
        async with cloud.running():
            await cloud.until_stable()
            name, other, *_ = sorted(cloud.members())
            source = url(
                cloud.members()[other].instance.removeprefix("compute/").replace("/instances/", "/disks/")
                + "-1"
            )
            configure(cloud, name, disks={"data": {"source": source}})
            await cloud.advance(900)
            before = cloud.instances()
            assert standing(cloud, name) == per_instance.UNAPPLIED
            (error, *more) = (cloud.store.get(f"control/errors/{GROUP}") or {})["items"]
            assert error["error"]["code"] == "CONDITION_NOT_MET"
            assert len(more) < 10, "it is tried again later and later"
            assert len(before) == 3
            assert {each["status"] for each in before.values()} == {"RUNNING"}

    asyncio.run(story())


def test_an_instance_is_given_an_address_unless_another_has_it() -> None:
    async def story() -> None:
        cloud = standard()
        policy(cloud, maxSurge={"fixed": 0}, maxUnavailable={"fixed": 3}, replacementMethod="RECREATE")
        async with cloud.running():
            await cloud.until_stable()
            name, other, *_ = sorted(cloud.members())
            configure(
                cloud,
                name,
                internalIPs={"nic0": {"autoDelete": GOES, "ipAddress": {"literal": "10.128.0.99"}}},
            )
            await cloud.until_stable()
            assert addresses(cloud)[name] == "10.128.0.99"
            assert reservations(cloud) == {"10.128.0.99": "IN_USE"}
            taken = addresses(cloud)[other]
            configure(cloud, name, internalIPs={"nic0": {"ipAddress": {"literal": taken}}})
            await cloud.advance(300)
            codes = [
                each["error"]["code"] for each in (cloud.store.get(f"control/errors/{GROUP}") or {})["items"]
            ]
            assert set(codes) == {"IP_IN_USE_BY_ANOTHER_RESOURCE"}
            configure(cloud, name, internalIPs={"nic0": {"ipAddress": {"literal": "10.128.0.77"}}})
            await cloud.until_stable(within=1200)
            assert addresses(cloud)[name] == "10.128.0.77"
            assert reservations(cloud) == {"10.128.0.77": "IN_USE"}

    asyncio.run(story())
