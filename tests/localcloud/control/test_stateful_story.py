"""What instances keep when they are made anew: names, addresses and metadata; how far their own configurations are."""

from __future__ import annotations

import asyncio

from localcloud.control.links import url
from localcloud.control.template import metadata_value
from localcloud.plans import per_instance
from tests.localcloud.control.cloud import standard
from tests.localcloud.control.documents import GROUP, template
from tests.localcloud.control.stateful import addresses, configure, policy, standing

ADDRESSES = {"preservedState": {"internalIPs": {"nic0": {"autoDelete": "NEVER"}}}}


def test_repairs_and_updates_keep_names_and_addresses_of_a_stateful_group() -> None:
    async def story() -> None:
        cloud = standard(statefulPolicy=ADDRESSES)
        policy(cloud, maxSurge={"fixed": 0}, maxUnavailable={"fixed": 3}, replacementMethod="RECREATE")
        async with cloud.running():
            await cloud.until_stable()
            before = addresses(cloud)
            assert cloud.group()["status"]["stateful"]["hasStatefulConfig"]
            # All at once, so that addresses would be given away in another order.
            for name in sorted(before, reverse=True):
                cloud.request("delete", cloud.members()[name].instance.removeprefix("compute/"))
                await cloud.advance(1)
            await cloud.until_stable()
            assert addresses(cloud) == before
            cloud.patch(GROUP, versions=[{"instanceTemplate": url(template(cloud, "two"))}])
            await cloud.until_stable()
            assert addresses(cloud) == before
            assert len(cloud.events("instance.recreate")) == 3

    asyncio.run(story())


def test_an_address_that_is_kept_is_given_to_nobody_else() -> None:
    async def story() -> None:
        cloud = standard(statefulPolicy=ADDRESSES)
        async with cloud.running():
            await cloud.until_stable()
            before = addresses(cloud)
            name = next(name for name, address in before.items() if address == "10.128.0.2")
            zone = cloud.members()[name].zone
            with cloud.store.transaction() as change:  # so that it is gone for a while
                change.put(
                    "control/faults/out",
                    {"name": "out", "kind": "zone-outage", "zone": zone, "since": 0.0, "until": None},
                )
            cloud.request("delete", cloud.members()[name].instance.removeprefix("compute/"))
            await cloud.advance(30)
            cloud.patch(GROUP, targetSize=6)
            await cloud.advance(30)
            assert name not in addresses(cloud)
            assert sorted(set(addresses(cloud)) - set(before))
            with cloud.store.transaction() as change:
                change.delete("control/faults/out")
            await cloud.until_stable(within=1200)
            after = addresses(cloud)
            assert after[name] == before[name]
            assert len(set(after.values())) == 6

    asyncio.run(story())


def test_a_configuration_of_an_instance_is_applied_by_a_proactive_group_and_kept_through_a_repair() -> None:
    async def story() -> None:
        cloud = standard()
        policy(cloud, minimalAction="REFRESH")
        async with cloud.running():
            await cloud.until_stable()
            name, *others = sorted(cloud.instances())
            configure(cloud, name, metadata={"shard": "7"})
            await cloud.advance(5)
            assert standing(cloud, name) == per_instance.EFFECTIVE
            assert metadata_value(cloud.instances()[name], "shard") == "7"
            assert not metadata_value(cloud.instances()[others[0]], "shard")
            assert cloud.group()["status"]["stateful"] == {
                "hasStatefulConfig": True,
                "perInstanceConfigs": {"allEffective": True},
            }
            before = cloud.members()[name].instance_id
            await cloud.machines.crash(before)
            await cloud.until("autohealing.recreate", within=300)
            await cloud.until_stable()
            assert cloud.members()[name].instance_id != before
            assert metadata_value(cloud.instances()[name], "shard") == "7"
            configure(cloud, name, per_instance.UNAPPLIED_DELETION, metadata={"shard": "7"})
            await cloud.advance(5)
            assert standing(cloud, name) is None
            assert not metadata_value(cloud.instances()[name], "shard")
            await cloud.until_stable()
            assert not cloud.group()["status"]["stateful"]["hasStatefulConfig"]

    asyncio.run(story())


def test_an_opportunistic_group_applies_a_configuration_only_when_asked() -> None:
    async def story() -> None:
        cloud = standard()
        policy(cloud, type="OPPORTUNISTIC")
        async with cloud.running():
            await cloud.until_stable()
            name = min(cloud.instances())
            configure(cloud, name, metadata={"shard": "7"})
            await cloud.advance(600)
            assert standing(cloud, name) == per_instance.UNAPPLIED
            assert not cloud.group()["status"]["stateful"]["perInstanceConfigs"]["allEffective"]
            cloud.request("applyUpdatesToInstances", GROUP, instances=[name], minimalAction="NONE")
            await cloud.advance(5)
            assert standing(cloud, name) == per_instance.EFFECTIVE
            assert metadata_value(cloud.instances()[name], "shard") == "7"

    asyncio.run(story())


def test_a_configuration_goes_with_its_instance_and_waits_for_one_that_is_asked_for() -> None:
    async def story() -> None:
        cloud = standard()
        async with cloud.running():
            await cloud.until_stable()
            configure(cloud, "mine", metadata={"shard": "1"})
            cloud.request("createInstances", GROUP, instances=["mine"])
            await cloud.until_stable()
            assert metadata_value(cloud.instances()["mine"], "shard") == "1"
            assert standing(cloud, "mine") == per_instance.EFFECTIVE
            cloud.request("deleteInstances", GROUP, instances=["mine"])
            await cloud.advance(200)
            assert standing(cloud, "mine") is None
            with cloud.store.transaction() as change:
                change.put("control/deleting/" + GROUP, {})
            configure(cloud, min(cloud.members()), metadata={"shard": "2"})
            await cloud.advance(200)
            assert not list(cloud.store.scan(per_instance.PREFIX))

    asyncio.run(story())


def test_a_stateful_group_is_not_redistributed() -> None:
    async def story() -> None:
        cloud = standard(size=4, statefulPolicy=ADDRESSES)
        async with cloud.running():
            await cloud.until_stable()
            zones = [member.zone for member in cloud.members().values()]
            crowded = max(set(zones), key=zones.count)
            others = [name for name, member in cloud.members().items() if member.zone != crowded]
            cloud.request("deleteInstances", GROUP, instances=others[:1])
            before = set(cloud.instances()) - set(others[:1])
            await cloud.advance(600)
            assert set(cloud.instances()) == before

    asyncio.run(story())
