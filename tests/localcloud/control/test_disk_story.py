"""Disks and addresses that stateful groups keep: through repairs and updates, and after instances have left for good."""

from __future__ import annotations

import asyncio

import pytest

from localcloud.control.links import url
from tests.localcloud.control.cloud import standard
from tests.localcloud.control.documents import GROUP, PROJECT, REGION, template
from tests.localcloud.control.stateful import (
    DATA,
    GOES,
    addresses,
    attached,
    disks,
    keeping,
    policy,
    reservations,
)


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
@pytest.mark.parametrize(
    "how", ["resize", "deleteInstances", "delete the group", "delete the group that cannot make them again"]
)
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
                    if how != "delete the group":
                        with cloud.store.transaction() as change:
                            change.delete(f"compute/projects/{PROJECT}/global/instanceTemplates/one")
                        cloud.request("recreateInstances", GROUP, instances=sorted(before))
                        await cloud.advance(120)
                        assert not cloud.instances()
                        assert len(cloud.members()) == 3
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
