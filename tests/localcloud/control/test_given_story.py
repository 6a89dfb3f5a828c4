"""Disks and addresses that single instances of a group are given by hand, and give back."""

from __future__ import annotations

import asyncio

from localcloud.control.links import url
from localcloud.plans import per_instance
from tests.localcloud.control.cloud import standard
from tests.localcloud.control.documents import GROUP
from tests.localcloud.control.stateful import (
    GOES,
    addresses,
    attached,
    configure,
    disks,
    keeping,
    policy,
    reservations,
    standing,
)


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
