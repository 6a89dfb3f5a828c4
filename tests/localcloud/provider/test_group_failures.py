"""What the plugin does when a group does not become what was asked for: it is kept, and what is known of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
import pytest

from tests.localcloud.provider.failing import (
    GROUP,
    GROUP_INPUTS,
    GROUPS,
    NETWORK,
    NETWORKS,
    done,
    drive,
    failure,
    kept,
)
from tests.localcloud.provider.scripted import Answer, Scripted

if TYPE_CHECKING:
    from localcloud.provider.values import Value
    from tests.localcloud.provider.driver import Driver


def test_a_group_that_does_not_become_stable_in_time_is_kept() -> None:
    server = Scripted(
        {
            f"POST {GROUPS}": done(),
            f"GET {GROUPS}/web": (
                200,
                {"name": "web", "baseInstanceName": "web", "status": {"isStable": False}, "targetSize": 3},
            ),
        }
    )

    async def story(driver: Driver) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await driver.create(GROUP, "g", GROUP_INPUTS, timeout=0.05)
        assert "not ready within 0.05 s" in failure(error)
        remains = kept(error)
        assert remains["id"] == "projects/p/regions/europe-west1/instanceGroupManagers/web"
        assert remains["properties"]["targetSize"] == 3
        assert remains["properties"]["waitForInstances"] is True
        assert remains["inputs"]["name"] == "web"

    drive(server, story)


def test_cancelling_ends_a_wait_and_keeps_the_group() -> None:
    looks = asyncio.Event()

    def unstable(_: Value) -> Answer:
        looks.set()
        return 200, {"name": "web", "status": {"isStable": False}}

    server = Scripted({f"POST {GROUPS}": done(), f"GET {GROUPS}/web": unstable})

    async def story(driver: Driver) -> None:
        creation = asyncio.ensure_future(driver.create(GROUP, "g", GROUP_INPUTS))
        await looks.wait()
        await driver.cancel()
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await creation
        assert kept(error)["id"].endswith("/instanceGroupManagers/web")
        with pytest.raises(grpc.aio.AioRpcError):
            await driver.create(NETWORK, "n", {"name": "n"})
        assert not server.sent(f"POST {NETWORKS}"), "nothing new may begin after a cancel"

    drive(server, story)


def test_a_cancelled_rollout_keeps_the_groups_new_fingerprint() -> None:
    looks = asyncio.Event()
    rolling = False

    def group(_: Value) -> Answer:
        fingerprint = "BBBB" if rolling else "AAAA"
        if rolling:
            looks.set()
        version = [{"instanceTemplate": "projects/p/global/instanceTemplates/" + ("t2" if rolling else "t")}]
        return 200, {
            "name": "web",
            "fingerprint": fingerprint,
            "versions": version,
            "status": {"isStable": not rolling},
        }

    def patch(body: Value) -> Answer:
        nonlocal rolling
        rolling = True
        assert body["fingerprint"] == "AAAA"
        return done()

    server = Scripted({f"POST {GROUPS}": done(), f"GET {GROUPS}/web": group, f"PATCH {GROUPS}/web": patch})

    async def story(driver: Driver) -> None:
        created = await driver.create(GROUP, "g", GROUP_INPUTS)
        news = {**GROUP_INPUTS, "versions": [{"instanceTemplate": "projects/p/global/instanceTemplates/t2"}]}
        update = asyncio.ensure_future(driver.update(GROUP, "g", created, news))
        await looks.wait()
        await driver.cancel()
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await update
        assert kept(error)["properties"]["fingerprint"] == "BBBB", "else the next update is refused with 412"

    drive(server, story)


def test_a_size_that_the_program_ignores_is_left_to_the_autoscaler() -> None:
    sizes: list[int] = []

    def group(_: Value) -> Answer:
        return 200, {"name": "web", "fingerprint": "AAAA", "targetSize": 7, "status": {"isStable": True}}

    def resize(_: Value) -> Answer:
        sizes.append(3)
        return done()

    server = Scripted(
        {
            f"POST {GROUPS}": done(),
            f"GET {GROUPS}/web": group,
            f"PATCH {GROUPS}/web": done(),
            f"POST {GROUPS}/web/resize": resize,
        }
    )

    async def story(driver: Driver) -> None:
        inputs = {**GROUP_INPUTS, "targetSize": 3, "waitForInstances": False}
        created = await driver.create(GROUP, "g", inputs)
        assert created["properties"]["targetSize"] == 7
        news = {**inputs, "versions": [{"instanceTemplate": "projects/p/global/instanceTemplates/t2"}]}
        await driver.update(GROUP, "g", created, news, ignoreChanges=["targetSize"])
        assert sizes == []
        await driver.update(GROUP, "g", created, news)
        assert sizes == [3]

    drive(server, story)


def test_a_group_waits_for_the_template_and_the_configuration_to_have_arrived_if_asked_to() -> None:
    def status(**more: Value) -> Answer:
        return 200, {"name": "web", "status": {"isStable": True, **more}}

    answers = [
        status(versionTarget={"isReached": False}),
        status(versionTarget={"isReached": True}, allInstancesConfig={"effective": False}),
        status(versionTarget={"isReached": True}, allInstancesConfig={"effective": True}),
    ]
    server = Scripted({f"POST {GROUPS}": done(), f"GET {GROUPS}/web": list(answers)})

    async def story(driver: Driver) -> None:
        await driver.create(GROUP, "g", {**GROUP_INPUTS, "waitForInstancesStatus": "UPDATED"})
        assert (
            len(server.sent(f"GET {GROUPS}/web")) == len(answers) + 1
        )  # the last look, and the read after it

    drive(server, story)
