"""A zone goes out and comes back, as a group, its checks and its instances see it; all in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

from localcloud.control import faults
from tests.localcloud.control.cloud import Cloud, standard
from tests.localcloud.control.documents import GROUP

ZONE = "europe-west1-c"


def _begin(cloud: Cloud, **fields: object) -> None:
    record = faults.parse(cloud.store, {"kind": "zone-outage", "zone": ZONE, **fields}, cloud.clock.now())
    with cloud.store.transaction() as change:
        change.put(faults.PREFIX + "fault-1", {"name": "fault-1", **record})


def _clear(cloud: Cloud) -> None:
    with cloud.store.transaction() as change:
        change.delete(faults.PREFIX + "fault-1")


def _in_zone(cloud: Cloud) -> dict[str, Any]:
    (document,) = (each for each in cloud.instances().values() if each["zone"].endswith(ZONE))
    return document


def test_checks_find_the_outage_and_nothing_is_created_there_until_it_is_over() -> None:
    async def story() -> None:
        async with standard().running() as cloud:
            await cloud.until_stable()
            await cloud.advance(200)
            victim = _in_zone(cloud)
            mark, began = cloud.last_seq(), cloud.clock.now()
            _begin(cloud, seconds=1200)
            removed = await cloud.until("balancer.removed", within=60, after=mark)
            assert removed.subject == victim["name"]
            assert 10 <= removed.at - began <= 15  # by its check, not by being told
            assert _in_zone(cloud)["status"] == "RUNNING"
            await cloud.until("autohealing.recreate", within=200, after=mark)
            failed = await cloud.until("instance.failed", within=200, after=mark)
            assert failed.data["code"] == "ZONE_RESOURCE_POOL_EXHAUSTED"
            assert f"zones/{ZONE}' does not have enough resources" in failed.message
            (error, *_) = (cloud.store.get(f"control/errors/{GROUP}") or {})["items"]
            assert error["error"]["code"] == "ZONE_RESOURCE_POOL_EXHAUSTED"
            assert len(cloud.eligible()) == 2
            cleared = await cloud.until("fault.cleared", within=1200, after=mark)
            assert cleared.at - began == 1200
            await cloud.until_stable()
            await cloud.advance(30)
            assert _in_zone(cloud)["id"] != victim["id"]
            assert len(cloud.eligible()) == 3
            assert not cloud.events("controller.error")

    asyncio.run(story())


def test_without_autohealing_compute_engine_notices_and_restarts_when_the_zone_is_back() -> None:
    async def story() -> None:
        async with standard(autoHealingPolicies=[]).running() as cloud:
            await cloud.until_stable()
            await cloud.advance(60)
            victim = _in_zone(cloud)
            began = cloud.clock.now()
            _begin(cloud)
            noticed = await cloud.until("instance.repairing", within=400)
            assert noticed.at - began == 330
            assert _in_zone(cloud)["status"] == "REPAIRING"
            await cloud.advance(3600)
            assert _in_zone(cloud)["status"] == "REPAIRING"
            _clear(cloud)
            mark = cloud.last_seq()
            await cloud.until("instance.running", within=60, after=mark)
            await cloud.advance(30)
            assert _in_zone(cloud)["id"] == victim["id"]
            assert victim["name"] in cloud.eligible()
            assert not cloud.events("controller.error")

    asyncio.run(story())


def test_a_short_outage_restarts_what_died_unnoticed() -> None:
    async def story() -> None:
        async with standard().running() as cloud:
            await cloud.until_stable()
            victim = _in_zone(cloud)
            mark = cloud.last_seq()
            _begin(cloud, seconds=20)
            await cloud.until("instance.lost", within=1, after=mark)
            assert cloud.guest(victim["name"]).state == "crashed"
            await cloud.until("instance.running", within=60, after=mark)
            await cloud.advance(60)
            assert _in_zone(cloud)["id"] == victim["id"]
            assert victim["name"] in cloud.eligible()
            assert not cloud.events("autohealing.recreate")

    asyncio.run(story())


def test_without_automatic_restart_an_instance_is_stopped_and_its_group_repairs_it_afterwards() -> None:
    async def story() -> None:
        async with standard(autoHealingPolicies=[]).running() as cloud:
            await cloud.until_stable()
            victim = _in_zone(cloud)
            name = f"projects/p/zones/{ZONE}/instances/{victim['name']}"
            cloud.patch(name, scheduling={"automaticRestart": False, "hostErrorTimeoutSeconds": 90})
            mark = cloud.last_seq()
            began = cloud.clock.now()
            _begin(cloud, seconds=600)
            stopping = await cloud.until("instance.stopping", within=100, after=mark)
            assert stopping.at - began == 90
            failed = await cloud.until("instance.failed", within=60, after=mark)
            assert failed.data["code"] == "ZONE_RESOURCE_POOL_EXHAUSTED"
            await cloud.until("fault.cleared", within=600, after=mark)
            await cloud.until_stable()
            assert _in_zone(cloud)["id"] != victim["id"]

    asyncio.run(story())


def test_an_instance_whose_start_failed_just_before_is_started_when_the_zone_is_back() -> None:
    async def story() -> None:
        cloud = standard()
        cloud.machines.start_failures = 3
        async with cloud.running():
            await cloud.advance(1)
            assert {event.subject for event in cloud.events("machine.failed")} == set(cloud.instances())
            _begin(cloud, seconds=60)
            await cloud.advance(59)
            assert _in_zone(cloud)["status"] == "STAGING"
            await cloud.advance(30)
            assert _in_zone(cloud)["status"] == "RUNNING"

    asyncio.run(story())
