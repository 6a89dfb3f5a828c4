"""Instances outside the group's own doing: stopped, deleted, reset, abandoned, created by name; hosts and daemons that go and come back."""

from __future__ import annotations

import asyncio

import pytest

from localcloud.control.intents import intent_of
from tests.localcloud.control.cloud import Cloud, standard
from tests.localcloud.control.documents import GROUP


async def settled(cloud: Cloud) -> str:
    await cloud.until_stable()
    await cloud.advance(60)
    return min(cloud.instances())


@pytest.mark.parametrize("how", ["delete", "stop", "power off"])
def test_a_stopped_or_deleted_instance_is_repaired_without_any_check(how: str) -> None:
    async def story() -> None:
        async with standard(autoHealingPolicies=[]).running() as cloud:
            name = await settled(cloud)
            member = cloud.members()[name]
            before = member.instance_id
            if how == "power off":
                cloud.machines.power_off(before)
            else:
                cloud.request(how, member.instance.removeprefix("compute/"))
            repaired = await cloud.until("instance.repair", within=10)
            assert repaired.subject == name
            await cloud.until_stable()
            assert cloud.instances()[name]["id"] != before
            assert len(cloud.instances()) == 3

    asyncio.run(story())


def test_do_nothing_leaves_a_condemned_instance_alone_but_not_a_stopped_one() -> None:
    async def story() -> None:
        lifecycle = {"onFailedHealthCheck": "DO_NOTHING", "defaultActionOnFailure": "REPAIR"}
        async with standard(instanceLifecyclePolicy=lifecycle).running() as cloud:
            name = await settled(cloud)
            await cloud.machines.crash(cloud.members()[name].instance_id)
            await cloud.advance(1000)
            assert not cloud.events("autohealing.recreate")
            assert cloud.members()[name].health == "TIMEOUT"
            cloud.request("stop", cloud.members()[name].instance.removeprefix("compute/"))
            await cloud.until("instance.repair", within=10)
            await cloud.until_stable()

    asyncio.run(story())


def test_default_action_do_nothing_turns_all_repairs_off() -> None:
    async def story() -> None:
        async with standard(
            instanceLifecyclePolicy={"defaultActionOnFailure": "DO_NOTHING"}
        ).running() as cloud:
            name = await settled(cloud)
            cloud.request("stop", cloud.members()[name].instance.removeprefix("compute/"))
            await cloud.advance(600)
            assert cloud.instances()[name]["status"] == "TERMINATED"
            cloud.request("start", cloud.members()[name].instance.removeprefix("compute/"))
            await cloud.advance(60)
            assert cloud.instances()[name]["status"] == "RUNNING"

    asyncio.run(story())


def test_a_reset_keeps_id_and_status() -> None:
    async def story() -> None:
        async with standard().running() as cloud:
            name = await settled(cloud)
            before = cloud.instances()[name]
            cloud.request("reset", cloud.members()[name].instance.removeprefix("compute/"))
            await cloud.advance(60)
            assert cloud.events("instance.reset")
            assert cloud.instances()[name]["id"] == before["id"]
            assert cloud.guest(name).booted_at > cloud.clock.now() - 61
            assert not cloud.events("instance.repair")

    asyncio.run(story())


def test_an_instance_that_is_being_stopped_is_stopped_though_a_reset_is_asked_for() -> None:
    async def story() -> None:
        async with standard(
            instanceLifecyclePolicy={"defaultActionOnFailure": "DO_NOTHING"}
        ).running() as cloud:
            name = await settled(cloud)
            instance = cloud.members()[name].instance.removeprefix("compute/")
            cloud.request("stop", instance)
            while cloud.instances()[name]["status"] == "RUNNING":
                await cloud.advance(0.1)
            assert cloud.instances()[name]["status"] == "STOPPING"
            cloud.request("reset", instance)
            await cloud.advance(0.1)
            # What is wanted is what a daemon that starts now goes on with.
            wanted = intent_of(cloud.store, cloud.instances()[name]["id"])
            assert (wanted["intent"], cloud.instances()[name]["status"]) == ("stop", "STOPPING")
            await cloud.advance(600)
            assert cloud.instances()[name]["status"] == "TERMINATED"

    asyncio.run(story())


def test_members_can_be_abandoned_deleted_and_created_by_name() -> None:
    async def story() -> None:
        async with standard().running() as cloud:
            name = await settled(cloud)
            cloud.request("abandonInstances", GROUP, instances=[name])
            await cloud.until_stable()
            assert cloud.group()["targetSize"] == 2
            assert name not in cloud.members()
            assert cloud.instances()[name]["status"] == "RUNNING"
            assert name not in cloud.eligible()
            other = min(cloud.members())
            cloud.request("deleteInstances", GROUP, instances=[other])
            await cloud.until_stable()
            assert cloud.group()["targetSize"] == 1
            assert other not in cloud.instances()
            cloud.request("createInstances", GROUP, instances=[{"name": "chosen"}])
            await cloud.until_stable()
            assert cloud.group()["targetSize"] == 2
            assert "chosen" in cloud.members()
            assert not cloud.events("controller.error")

    asyncio.run(story())


def test_after_the_host_was_down_the_same_instances_run_again() -> None:
    async def story() -> None:
        cloud = standard()
        async with cloud.running():
            await settled(cloud)
            before = {document["id"] for document in cloud.instances().values()}
        cloud.machines.lose_all()
        await cloud.advance(1000)
        async with cloud.running():
            await cloud.advance(300)
            assert {document["id"] for document in cloud.instances().values()} == before
            assert {document["status"] for document in cloud.instances().values()} == {"RUNNING"}
            assert len(cloud.events("instance.restarted")) == 3
            assert not cloud.events("autohealing.recreate")
            assert cloud.eligible() == set(cloud.instances())

    asyncio.run(story())


def test_machines_found_dead_by_a_new_daemon_run_again_but_a_crash_that_was_seen_stays_one() -> None:
    async def story() -> None:
        cloud = standard()
        async with cloud.running():
            name = await settled(cloud)
            await cloud.machines.crash(cloud.members()[name].instance_id)
            await cloud.advance(1)
        cloud.machines.end()
        async with cloud.running():
            await cloud.advance(60)
            restarted = {event.subject for event in cloud.events("instance.restarted")}
            assert restarted == set(cloud.instances()) - {name}
            assert cloud.guest(name).state == "crashed"
            assert not cloud.events("autohealing.recreate")
            await cloud.advance(200)
            assert [event.subject for event in cloud.events("autohealing.recreate")] == [name]

    asyncio.run(story())


def test_a_restarted_daemon_keeps_verdicts_and_disturbs_nothing() -> None:
    async def story() -> None:
        cloud = standard()
        async with cloud.running():
            name = await settled(cloud)
            await cloud.machines.hang(cloud.members()[name].instance_id, 100)
            await cloud.advance(30)
            before = {document["id"] for document in cloud.instances().values()}
            eligible, mark = cloud.eligible(), cloud.last_seq()
            assert name not in eligible
        async with cloud.running():
            await cloud.advance(1)
            assert cloud.eligible() == eligible
            await cloud.advance(300)
            assert cloud.eligible() == eligible | {name}
            assert {document["id"] for document in cloud.instances().values()} == before
            kinds = {event.kind for event in cloud.events("", mark)}
            assert kinds == {"health.balancer", "balancer.added"}

    asyncio.run(story())


def test_machines_that_belong_to_nothing_are_removed() -> None:
    async def story() -> None:
        cloud = standard(size=1)
        async with cloud.running():
            await settled(cloud)
            guest = next(iter(cloud.machines.guests.values()))
            cloud.machines.guests["77"] = guest
            await cloud.advance(610)
            assert set(cloud.machines.guests) == {guest.spec.id}

    asyncio.run(story())


def test_a_failing_start_is_told_tried_again_and_concerns_only_itself() -> None:
    async def story() -> None:
        cloud = standard()
        cloud.machines.start_failures = 2
        async with cloud.running():
            await cloud.advance(4)
            assert len(cloud.events("machine.failed")) == 2
            assert sum(document["status"] == "RUNNING" for document in cloud.instances().values()) == 1
            assert sum("errors" in member.last_attempt for member in cloud.members().values()) == 2
            await cloud.until_stable()
            assert len(cloud.instances()) == 3

    asyncio.run(story())
