"""Rollouts: proactive and opportunistic, surge and unavailability, in place and by substitution, canary, and what broken versions do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from localcloud.control.links import last, url
from tests.localcloud.control.cloud import Cloud, standard
from tests.localcloud.control.documents import GROUP, group, template

Policy = dict[str, Any]


def policy(kind: str = "PROACTIVE", surge: int = 3, unavailable: int = 0, **more: str) -> Policy:
    return {
        "type": kind,
        "minimalAction": "REPLACE",
        "replacementMethod": "SUBSTITUTE",
        "maxSurge": {"fixed": surge},
        "maxUnavailable": {"fixed": unavailable},
        **more,
    }


def templates(cloud: Cloud) -> dict[str, int]:
    """Count the instances by template, as the instances themselves say."""
    found: dict[str, int] = {}
    for document in cloud.instances().values():
        items = {item["key"]: item["value"] for item in document["metadata"]["items"]}
        name = last(items["instance-template"])
        found[name] = found.get(name, 0) + 1
    return found


def versions(cloud: Cloud, *names: str) -> list[dict[str, Any]]:
    return [{"instanceTemplate": url(template(cloud, name))} for name in names]


def rolled(update_policy: Policy, size: int = 5) -> Cloud:
    """Roll a stable group to a new template under this policy and watch how far it strays; the group is stable again."""
    cloud = standard(size=size, updatePolicy=update_policy)
    most = fewest = size

    async def story() -> None:
        nonlocal most, fewest
        async with cloud.running():
            await cloud.until_stable()
            await cloud.advance(60)

            def look(*_: object) -> None:
                nonlocal most, fewest
                members = cloud.members().values()
                available = sum(
                    member.available(checked=True, now=cloud.clock.now(), ready_after=0) for member in members
                )
                most, fewest = max(most, len(cloud.instances())), min(fewest, available)

            cloud.store.watch(look)
            before = set(cloud.instances())
            cloud.patch(GROUP, versions=versions(cloud, "two"))
            await cloud.advance(1)
            assert not cloud.group()["status"]["versionTarget"]["isReached"]
            await cloud.until_stable(4000)
            assert templates(cloud) == {"two": size}
            assert cloud.group()["status"]["versionTarget"]["isReached"]
            kept = update_policy["replacementMethod"] == "RECREATE"
            assert (set(cloud.instances()) == before) is kept

    asyncio.run(story())
    assert most <= size + update_policy["maxSurge"]["fixed"]
    assert fewest >= size - update_policy["maxUnavailable"]["fixed"]
    return cloud


@pytest.mark.parametrize(("surge", "unavailable"), [(3, 0), (1, 0), (0, 1), (0, 3), (2, 2)])
def test_a_rollout_stays_within_surge_and_unavailability(surge: int, unavailable: int) -> None:
    rolled(policy(surge=surge, unavailable=unavailable))


@pytest.mark.parametrize("unavailable", [1, 3])
def test_replacement_in_place_keeps_names(unavailable: int) -> None:
    rolled(policy(surge=0, unavailable=unavailable, replacementMethod="RECREATE"))


def test_a_version_that_never_gets_healthy_stalls_the_rollout_and_is_taken_back_by_the_next() -> None:
    async def story() -> None:
        async with standard(updatePolicy=policy(surge=1)).running() as cloud:
            await cloud.until_stable()
            await cloud.advance(60)
            cloud.machines.service = 100_000.0
            cloud.patch(GROUP, versions=versions(cloud, "broken"))
            await cloud.advance(1000)
            assert templates(cloud) == {"one": 3, "broken": 1}
            assert not cloud.group()["status"]["isStable"]
            cloud.machines.service = 5.0
            cloud.patch(GROUP, versions=versions(cloud, "three"))
            await cloud.until_stable(2000)
            assert templates(cloud) == {"three": 3}

    asyncio.run(story())


def test_an_opportunistic_update_waits_for_new_instances_and_requests() -> None:
    async def story() -> None:
        async with standard(updatePolicy=policy("OPPORTUNISTIC")).running() as cloud:
            await cloud.until_stable()
            cloud.patch(GROUP, versions=versions(cloud, "two"))
            await cloud.advance(600)
            assert templates(cloud) == {"one": 3}
            status = cloud.group()["status"]
            assert status["isStable"]
            assert not status["versionTarget"]["isReached"]
            cloud.patch(GROUP, targetSize=4)
            await cloud.until_stable()
            assert templates(cloud) == {"one": 3, "two": 1}
            old = [
                member.name for member in cloud.members().values() if last(member.version.template) == "one"
            ]
            cloud.request(
                "applyUpdatesToInstances", GROUP, instances=old[:1], mostDisruptiveAllowedAction="RESTART"
            )
            await cloud.advance(300)
            assert templates(cloud) == {"one": 3, "two": 1}  # it would take a replacement
            cloud.request("applyUpdatesToInstances", GROUP, instances=old[:2])
            await cloud.until_stable()
            assert templates(cloud) == {"one": 1, "two": 3}
            cloud.request("recreateInstances", GROUP, instances=old[2:])
            await cloud.until_stable()
            assert templates(cloud) == {"two": 4}
            assert set(old) <= set(cloud.instances())
            assert cloud.group()["status"]["versionTarget"]["isReached"]

    asyncio.run(story())


def test_a_canary_gets_its_share_and_then_all() -> None:
    async def story() -> None:
        async with standard(size=6).running() as cloud:
            await cloud.until_stable()
            one, two = versions(cloud, "one", "two")
            cloud.patch(GROUP, versions=[one, {**two, "name": "canary", "targetSize": {"percent": 20}}])
            await cloud.until_stable(1000)
            assert templates(cloud) == {"one": 4, "two": 2}
            cloud.patch(GROUP, targetSize=3)
            await cloud.until_stable(1000)
            assert templates(cloud) == {"one": 2, "two": 1}
            cloud.patch(GROUP, versions=[{**two, "name": "canary"}])
            await cloud.until_stable(1000)
            assert templates(cloud) == {"two": 3}

    asyncio.run(story())


def test_two_versions_that_are_the_same_are_one() -> None:
    async def story() -> None:
        async with standard().running() as cloud:
            await cloud.until_stable()
            before = set(cloud.instances())
            (one,) = versions(cloud, "one")
            cloud.patch(GROUP, versions=[one, {**one, "targetSize": {"fixed": 1}}])
            await cloud.advance(1000)
            assert cloud.group()["status"]["isStable"]
            assert set(cloud.instances()) == before
            cloud.patch(GROUP, targetSize=2)
            await cloud.until_stable()
            assert cloud.group()["status"]["versionTarget"]["isReached"]
            assert set(cloud.instances()) < before

    asyncio.run(story())


def test_limits_in_percent_follow_the_size_and_are_told() -> None:
    async def story() -> None:
        limits = {"maxSurge": {"percent": 25}, "maxUnavailable": {"percent": 20}}
        async with standard(size=10, updatePolicy={**policy(), **limits}).running() as cloud:
            await cloud.until_stable()
            one, two = versions(cloud, "one", "two")
            cloud.patch(GROUP, versions=[one, {**two, "targetSize": {"percent": 11}}])
            await cloud.until_stable(1000)
            assert templates(cloud) == {"one": 8, "two": 2}  # 1.1 in favour of whom it is said of
            told = []
            for size in (10, 14):
                cloud.patch(GROUP, targetSize=size)
                await cloud.advance(1)
                group = cloud.group()
                update = group["updatePolicy"]
                shares = [version.get("targetSize", {}).get("calculated") for version in group["versions"]]
                told.append((*(update[limit]["calculated"] for limit in limits), *shares))
            assert told == [(3, 2, None, 2), (4, 3, None, 2)]  # 2.5, 2, 1.1; 3.5, 2.8, 1.54

    asyncio.run(story())


def test_a_change_of_metadata_alone_refreshes_in_place_if_the_policy_says_so() -> None:
    async def story() -> None:
        cloud = standard(updatePolicy=policy(surge=0, unavailable=3, minimalAction="NONE"))
        async with cloud.running():
            await cloud.until_stable()
            ids = {document["id"] for document in cloud.instances().values()}
            changed = template(
                cloud,
                "two",
                disks=[{"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": "one"}}],
            )
            cloud.patch(GROUP, versions=[{"instanceTemplate": url(changed)}])
            await cloud.until_stable()
            assert templates(cloud) == {"two": 3}
            assert {document["id"] for document in cloud.instances().values()} == ids
            changed = template(
                cloud,
                "three",
                machineType="e2-medium",
                disks=[{"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": "one"}}],
            )
            cloud.patch(GROUP, versions=[{"instanceTemplate": url(changed)}])
            await cloud.until_stable()
            assert {document["id"] for document in cloud.instances().values()} == ids
            assert {last(document["machineType"]) for document in cloud.instances().values()} == {"e2-medium"}
            assert {guest.spec.vcpus for guest in cloud.machines.guests.values()} == {1.0}

    asyncio.run(story())


def test_all_instances_config_overrides_the_template() -> None:
    async def story() -> None:
        cloud = standard(updatePolicy=policy(minimalAction="NONE"))
        async with cloud.running():
            await cloud.until_stable()
            cloud.patch(
                GROUP, allInstancesConfig={"properties": {"metadata": {"k": "v"}, "labels": {"env": "dev"}}}
            )
            await cloud.until_stable()
            assert cloud.group()["status"]["allInstancesConfig"]["effective"]
            for document in cloud.instances().values():
                assert {"key": "k", "value": "v"} in document["metadata"]["items"]
                assert document["labels"] == {"env": "dev"}

    asyncio.run(story())


def test_a_new_version_name_alone_replaces_as_rolling_replace_does() -> None:
    async def story() -> None:
        async with standard().running() as cloud:
            await cloud.until_stable()
            before = set(cloud.instances())
            version = cloud.group()["versions"][0]
            cloud.patch(GROUP, versions=[{**version, "name": "0/2026-11-23"}])
            await cloud.until_stable(1000)
            assert not before & set(cloud.instances())

    asyncio.run(story())


def test_instances_are_numbered_where_the_base_name_asks_for_it() -> None:
    async def story() -> None:
        cloud = standard(baseInstanceName="web-##[9]", updatePolicy=policy(surge=0, unavailable=3))
        async with cloud.running():
            await cloud.until_stable()
            assert set(cloud.instances()) == {"web-09", "web-10", "web-11"}
            cloud.request("abandonInstances", GROUP, instances=["web-10"])
            cloud.request("deleteInstances", GROUP, instances=["web-11"])
            await cloud.advance(60)
            cloud.patch(GROUP, targetSize=3)
            await cloud.until_stable()
            assert set(cloud.members()) == {"web-09", "web-11", "web-12"}, "web-10 is somebody else's now"

    asyncio.run(story())


def test_a_zonal_group_lives_in_its_zone() -> None:
    async def story() -> None:
        zonal = "projects/p/zones/europe-west1-c/instanceGroupManagers/one-zone"
        cloud = standard()
        group(cloud, 2, name=zonal, distributionPolicy={}, baseInstanceName="zonal", autoHealingPolicies=[])
        async with cloud.running():
            await cloud.until_stable()
            members = cloud.members(zonal)
            assert {member.zone for member in members.values()} == {"europe-west1-c"}
            assert all(name.startswith("zonal-") and len(name) == len("zonal-") + 4 for name in members)
            assert all(member.action == "NONE" for member in members.values())

    asyncio.run(story())
