"""Standby pools: members wait stopped or suspended, are the first to serve when a group grows, and are replaced."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from localcloud.control.links import url
from tests.localcloud.control.cloud import Cloud, standard
from tests.localcloud.control.documents import GROUP, autoscaler, template

if TYPE_CHECKING:
    from localcloud.control.member import Member


def waiting(cloud: Cloud, state: str) -> dict[str, Member]:
    return {name: member for name, member in cloud.members().items() if member.target == state}


def statuses(cloud: Cloud) -> list[str]:
    return sorted(document["status"] for document in cloud.instances().values())


def pooled(**fields: Any) -> Cloud:  # noqa: ANN401 - fields of a JSON document
    policy = {"mode": "SCALE_OUT_POOL", "initialDelaySec": 90}
    return standard(**{"standbyPolicy": policy, "targetSuspendedSize": 2, "targetStoppedSize": 1, **fields})


def test_members_of_the_pool_run_for_the_initial_delay_and_then_wait() -> None:
    async def story() -> None:
        cloud = pooled()
        async with cloud.running():
            await cloud.advance(60)
            assert statuses(cloud) == ["RUNNING"] * 6
            assert not cloud.group()["status"]["isStable"]
            await cloud.until_stable()
            assert statuses(cloud) == ["RUNNING"] * 3 + ["SUSPENDED"] * 2 + ["TERMINATED"]
            for event in cloud.events("instance.rest"):
                (made,) = [each for each in cloud.events("instance.created") if each.subject == event.subject]
                assert event.at >= made.at + 90
            assert {member.action for member in cloud.members().values()} == {"NONE"}
            assert cloud.group()["currentActions"]["none"] == 6
            running = {name for name, member in cloud.members().items() if not member.waiting}
            assert cloud.eligible() == running
            per_zone = [member.zone for member in cloud.members().values()]
            assert {per_zone.count(zone) for zone in per_zone} == {2}

    asyncio.run(story())


def test_growth_takes_the_suspended_first_then_the_stopped_and_the_pool_is_filled_up_again() -> None:
    async def story() -> None:
        cloud = pooled()
        async with cloud.running():
            await cloud.until_stable()
            suspended, stopped = waiting(cloud, "SUSPENDED"), waiting(cloud, "STOPPED")
            before = cloud.last_seq()
            cloud.patch(GROUP, targetSize=5)
            await cloud.advance(1)
            assert {cloud.members()[name].action for name in suspended} == {"RESUMING"}
            assert not cloud.members()[min(suspended)].waiting
            await cloud.until_stable()
            assert not set(suspended) & set(waiting(cloud, "SUSPENDED"))
            assert set(stopped) == set(waiting(cloud, "STOPPED"))
            assert set(suspended) <= cloud.eligible()
            made = {event.subject for event in cloud.events("instance.created", before)}
            assert made == set(waiting(cloud, "SUSPENDED")), "only the pool got new ones"
            # They go on where they were: the service that they had started answers at once.
            took = [
                event.at for event in cloud.events("instance.ready", before) if event.subject in suspended
            ]
            created = cloud.events("instance.created", before)[0].at
            assert max(took) - created < 30
            cloud.patch(GROUP, targetSize=9)  # one more than there are
            await cloud.until_stable()
            assert set(stopped) <= cloud.eligible()
            assert len(cloud.eligible()) == 9
            assert statuses(cloud).count("TERMINATED") == 1

    asyncio.run(story())


def test_an_autoscaler_takes_from_the_pool() -> None:
    async def story() -> None:
        cloud = pooled(standbyPolicy={"mode": "SCALE_OUT_POOL", "initialDelaySec": 0})
        autoscaler(cloud, minimum=3, maximum=5)
        async with cloud.running():
            await cloud.until_stable()
            suspended = set(waiting(cloud, "SUSPENDED"))
            await cloud.advance(120)
            for name in cloud.eligible():
                cloud.machines.burn(cloud.members()[name].instance_id, 0.5)
            await cloud.until("autoscaler.resize", within=300)
            await cloud.until_stable()
            assert suspended <= cloud.eligible()

    asyncio.run(story())


def test_by_hand_nothing_is_taken_but_what_is_asked_for() -> None:
    async def story() -> None:
        cloud = pooled(standbyPolicy={"mode": "MANUAL"})
        async with cloud.running():
            await cloud.until_stable()
            pool = {**waiting(cloud, "SUSPENDED"), **waiting(cloud, "STOPPED")}
            cloud.patch(GROUP, targetSize=4)
            await cloud.until_stable()
            assert set(pool) == {*waiting(cloud, "SUSPENDED"), *waiting(cloud, "STOPPED")}
            (name,) = waiting(cloud, "STOPPED")
            cloud.request("startInstances", GROUP, instances=[name])
            await cloud.until_stable()
            sizes = {
                field: cloud.group()[field]
                for field in ("targetSize", "targetStoppedSize", "targetSuspendedSize")
            }
            assert sizes == {"targetSize": 5, "targetStoppedSize": 0, "targetSuspendedSize": 2}
            assert name in cloud.eligible()
            assert cloud.members()[name].instance_id == pool[name].instance_id

    asyncio.run(story())


@pytest.mark.parametrize(
    ("verbs", "action", "state", "status", "size"),
    [
        (("stopInstances", "startInstances"), "STOPPING", "STOPPED", "TERMINATED", "targetStoppedSize"),
        (
            ("suspendInstances", "resumeInstances"),
            "SUSPENDING",
            "SUSPENDED",
            "SUSPENDED",
            "targetSuspendedSize",
        ),
    ],
)
def test_members_are_brought_down_and_up_again_as_asked(
    verbs: tuple[str, str], action: str, state: str, status: str, size: str
) -> None:
    async def story() -> None:
        cloud = standard()
        async with cloud.running():
            await cloud.until_stable()
            name = min(cloud.members())
            before = cloud.members()[name]
            cloud.request(verbs[0], GROUP, instances=[url(before.instance.removeprefix("compute/"))])
            await cloud.advance(2)
            # Connections may end first: the instance is RUNNING, and gets no new ones.
            assert cloud.instances()[name]["status"] == "RUNNING"
            assert cloud.members()[name].action == action
            assert name not in cloud.eligible()
            await cloud.advance(31)
            assert cloud.instances()[name]["status"] == status
            await cloud.until_stable()
            assert (cloud.group()["targetSize"], cloud.group()[size]) == (2, 1)
            assert set(waiting(cloud, state)) == {name}
            await cloud.advance(3600)
            assert not cloud.events("instance.repair"), "who waits is not repaired"
            cloud.request(verbs[1], GROUP, instances=[name])
            await cloud.until_stable()
            assert (cloud.group()["targetSize"], cloud.group()[size]) == (3, 0)
            assert cloud.members()[name].instance_id == before.instance_id
            assert name in cloud.eligible()

    asyncio.run(story())


def test_a_member_that_is_asked_back_before_it_is_down_goes_on() -> None:
    async def story() -> None:
        cloud = standard()
        async with cloud.running():
            await cloud.until_stable()
            name = min(cloud.members())
            identity = cloud.members()[name].instance_id
            cloud.request("suspendInstances", GROUP, instances=[name])
            await cloud.advance(32)
            assert cloud.instances()[name]["status"] in {"SUSPENDING", "SUSPENDED"}
            cloud.request("resumeInstances", GROUP, instances=[name])
            await cloud.until_stable()
            assert cloud.members()[name].instance_id == identity
            assert len(cloud.eligible()) == cloud.group()["targetSize"] == 3

    asyncio.run(story())


def test_a_member_that_is_asked_for_before_it_was_brought_down_is_known_to_be_healthy() -> None:
    async def story() -> None:
        cloud = pooled()
        async with cloud.running():
            await cloud.advance(33)
            name = min(name for name, member in cloud.members().items() if member.target == "SUSPENDED")
            assert cloud.members()[name].health == "HEALTHY"
            cloud.request("resumeInstances", GROUP, instances=[name])
            await cloud.until_stable()
            member = cloud.members()[name]
            assert (member.action, member.target, member.health) == ("NONE", "RUNNING", "HEALTHY")
            assert name in cloud.eligible()

    asyncio.run(story())


def test_what_waits_is_made_again_when_it_is_lost_and_brought_down_again_when_somebody_starts_it() -> None:
    async def story() -> None:
        cloud = pooled()
        async with cloud.running():
            await cloud.until_stable()
            lost, *_ = sorted(waiting(cloud, "SUSPENDED"))
            (started,) = waiting(cloud, "STOPPED")
            before = {name: cloud.members()[name].instance_id for name in (lost, started)}
            cloud.request("delete", cloud.members()[lost].instance.removeprefix("compute/"))
            cloud.request("start", cloud.members()[started].instance.removeprefix("compute/"))
            await cloud.until_stable()
            await cloud.advance(300)
            assert statuses(cloud) == ["RUNNING"] * 3 + ["SUSPENDED"] * 2 + ["TERMINATED"]
            assert cloud.members()[lost].instance_id != before[lost]
            assert cloud.members()[started].instance_id == before[started]
            stopped = min(waiting(cloud, "SUSPENDED"))
            cloud.request("stop", cloud.members()[stopped].instance.removeprefix("compute/"))
            await cloud.advance(300)
            assert statuses(cloud) == ["RUNNING"] * 3 + ["SUSPENDED"] * 2 + ["TERMINATED"]

    asyncio.run(story())


def test_a_smaller_pool_loses_its_newest_and_an_update_makes_the_pool_anew() -> None:
    async def story() -> None:
        cloud = pooled()
        async with cloud.running():
            await cloud.until_stable()
            cloud.patch(GROUP, targetSuspendedSize=1, targetStoppedSize=2)
            await cloud.until_stable()
            assert statuses(cloud) == ["RUNNING"] * 3 + ["SUSPENDED"] + ["TERMINATED"] * 2
            names = {*waiting(cloud, "SUSPENDED"), *waiting(cloud, "STOPPED")}
            cloud.patch(GROUP, versions=[{"instanceTemplate": url(template(cloud, "two"))}])
            await cloud.advance(5)
            assert not cloud.group()["status"]["versionTarget"]["isReached"]
            await cloud.until_stable()
            assert cloud.group()["status"]["versionTarget"]["isReached"]
            assert {member.version.template.rpartition("/")[2] for member in cloud.members().values()} == {
                "two"
            }
            assert {*waiting(cloud, "SUSPENDED"), *waiting(cloud, "STOPPED")} == names
            assert statuses(cloud) == ["RUNNING"] * 3 + ["SUSPENDED"] + ["TERMINATED"] * 2

    asyncio.run(story())


def test_a_pool_outlives_its_daemon_and_goes_with_its_group() -> None:
    async def story() -> None:
        cloud = pooled()
        async with cloud.running():
            await cloud.until_stable()
        before = {name: member.instance_id for name, member in cloud.members().items()}
        async with cloud.running():
            await cloud.advance(700)
            assert {name: member.instance_id for name, member in cloud.members().items()} == before
            assert statuses(cloud) == ["RUNNING"] * 3 + ["SUSPENDED"] * 2 + ["TERMINATED"]
            assert [guest.state for guest in cloud.machines.guests.values()].count("suspended") == 2
            with cloud.store.transaction() as change:
                change.put("control/deleting/" + GROUP, {})
            await cloud.advance(300)
            assert not cloud.instances()
            assert not cloud.machines.guests

    asyncio.run(story())


def test_one_instance_is_suspended_and_resumed_by_itself() -> None:
    async def story() -> None:
        cloud = standard(instanceLifecyclePolicy={"defaultActionOnFailure": "DO_NOTHING"})
        async with cloud.running():
            await cloud.until_stable()
            name = min(cloud.instances())
            target = cloud.members()[name].instance.removeprefix("compute/")
            cloud.request("suspend", target)
            await cloud.advance(5)
            assert cloud.instances()[name]["status"] == "SUSPENDED"
            assert cloud.guest(name).state == "suspended"
            assert name not in {each.instance for each in cloud.fabric.network.interfaces}
            cloud.request("start", target)  # which is for those that are stopped
            await cloud.advance(5)
            assert cloud.instances()[name]["status"] == "SUSPENDED"
            cloud.request("resume", target)
            await cloud.advance(20)
            assert cloud.instances()[name]["status"] == "RUNNING"
            await cloud.advance(60)
            assert name in cloud.eligible()

    asyncio.run(story())
