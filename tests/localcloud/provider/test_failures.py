"""What the plugin does when things go wrong: Google's message reaches the user, and no resource is forgotten."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf import json_format
from pulumi.runtime.proto import provider_pb2, status_pb2

from tests.localcloud.provider.driver import Driver, connected, plugin, served
from tests.localcloud.provider.scripted import Answer, Scripted, refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from localcloud.provider.values import Value

BASE = "/compute/beta/projects/p"
NETWORKS = f"{BASE}/global/networks"
GROUPS = f"{BASE}/regions/europe-west1/instanceGroupManagers"
NETWORK = "gcp:compute/network:Network"
GROUP = "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager"
GROUP_INPUTS = {
    "name": "web",
    "baseInstanceName": "web",
    "region": "europe-west1",
    "versions": [{"instanceTemplate": "projects/p/global/instanceTemplates/t"}],
    "waitForInstances": True,
}


def done(**more: Value) -> Answer:
    return 200, {"kind": "compute#operation", "name": "op", "status": "DONE", "targetId": "1", **more}


def running() -> Answer:
    return 200, {
        "kind": "compute#operation",
        "name": "op",
        "status": "RUNNING",
        "selfLink": f"https://www.googleapis.com{NETWORKS.replace('/networks', '/operations/op')}",
    }


def drive(server: Scripted, story: Callable[[Driver], Awaitable[None]]) -> None:
    async def run() -> None:
        async with served(server.app) as cloud, plugin() as address, connected(address) as driver:
            await driver.configure(cloud)
            await story(driver)

    asyncio.run(run())


def failure(error: pytest.ExceptionInfo[grpc.aio.AioRpcError]) -> str:
    return str(error.value.details())


def kept(error: pytest.ExceptionInfo[grpc.aio.AioRpcError]) -> Value:
    """Return what the error tells the engine to keep."""
    metadata = error.value.trailing_metadata()
    assert metadata is not None
    raw = dict(metadata)["grpc-status-details-bin"]
    detail = status_pb2.Status.FromString(raw).details[0]
    failed = provider_pb2.ErrorResourceInitFailed.FromString(detail.value)
    return json_format.MessageToDict(failed)


def test_googles_message_reaches_the_user() -> None:
    message = "The resource 'projects/p/global/networks/n' already exists"
    server = Scripted({f"POST {NETWORKS}": refused(409, message, "alreadyExists")})

    async def story(driver: Driver) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await driver.create(NETWORK, "n", {"name": "n"})
        assert failure(error) == f"googleapi: Error 409: {message}, alreadyExists"

    drive(server, story)


def test_an_operation_is_followed_until_it_fails_with_googles_message() -> None:
    failed = done(
        error={"errors": [{"code": "QUOTA_EXCEEDED", "message": "Quota 'NETWORKS' exceeded. Limit: 5.0"}]}
    )
    server = Scripted(
        {f"POST {NETWORKS}": running(), f"GET {BASE}/global/operations/op": [running(), running(), failed]}
    )

    async def story(driver: Driver) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await driver.create(NETWORK, "n", {"name": "n"})
        assert "Quota 'NETWORKS' exceeded. Limit: 5.0" in failure(error)
        assert len(server.sent(f"GET {BASE}/global/operations/op")) == 3

    drive(server, story)


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


def test_what_is_gone_is_deleted_and_read_as_gone() -> None:
    server = Scripted({})

    async def story(driver: Driver) -> None:
        for resource_type, resource_id, state in (
            (NETWORK, "projects/p/global/networks/n", {"name": "n"}),
            (
                GROUP,
                "projects/p/regions/europe-west1/instanceGroupManagers/web",
                {"name": "web", "region": "europe-west1"},
            ),
            ("gcp:storage/bucket:Bucket", "b", {"name": "b", "forceDestroy": True}),
            ("gcp:storage/bucketObject:BucketObject", "b-o", {"name": "o", "bucket": "b"}),
            (
                "gcp:serviceaccount/account:Account",
                "projects/p/serviceAccounts/a@p.iam.gserviceaccount.com",
                {"accountId": "a"},
            ),
            (
                "gcp:storage/bucketIAMMember:BucketIAMMember",
                "b/b/roles/r/m",
                {"bucket": "b/b", "role": "roles/r", "member": "m"},
            ),
            ("gcp:compute/routerNat:RouterNat", "p/europe-west1/r/n", {"name": "n", "router": "r"}),
        ):
            urn = f"urn:pulumi:dev::test::{resource_type}::x"
            await driver.call("Delete", {"id": resource_id, "urn": urn, "properties": state})
            answer = await driver.call(
                "Read", {"id": resource_id, "urn": urn, "properties": state, "inputs": {"name": "n"}}
            )
            assert answer == {}, f"{resource_type} is gone"

    drive(server, story)


def test_a_policy_changed_by_somebody_else_meanwhile_is_read_again() -> None:
    path = "/storage/v1/b/b/iam"
    policies = [{"etag": "1"}, {"etag": "2", "bindings": [{"role": "roles/r", "members": ["user:other"]}]}]
    written: list[Value] = []

    def write(body: Value) -> Answer:
        if body["etag"] == "1":
            policies.pop(0)
            return refused(412, "Precondition Failed", "conditionNotMet")
        written.append(body)
        policies[0] = {**body, "etag": "3"}
        return 200, policies[0]

    server = Scripted({f"GET {path}": lambda _: (200, policies[0]), f"PUT {path}": write})

    async def story(driver: Driver) -> None:
        inputs = {"bucket": "b", "role": "roles/r", "member": "user:me"}
        created = await driver.create("gcp:storage/bucketIAMMember:BucketIAMMember", "m", inputs)
        assert written == [
            {
                "version": 3,
                "etag": "2",
                "bindings": [{"role": "roles/r", "members": ["user:me", "user:other"]}],
            }
        ]
        assert created["properties"]["etag"] == "3"

    drive(server, story)


def test_members_of_one_policy_added_at_the_same_time_are_all_there() -> None:
    path = "/crm/v1/projects/p"
    policy: dict[str, Value] = {"etag": "0"}

    def write(body: Value) -> Answer:
        if body["policy"]["etag"] != policy["etag"]:
            return refused(409, "There were concurrent policy changes.", "aborted")
        etag = str(int(policy["etag"]) + 1)
        policy.clear()
        policy.update({**body["policy"], "etag": etag})
        return 200, policy

    server = Scripted(
        {f"POST {path}:getIamPolicy": lambda _: (200, dict(policy)), f"POST {path}:setIamPolicy": write}
    )

    async def story(driver: Driver) -> None:
        members = [f"user:{number}" for number in range(12)]
        await asyncio.gather(
            *(
                driver.create(
                    "gcp:projects/iAMMember:IAMMember",
                    member,
                    {"project": "p", "role": "roles/r", "member": member},
                )
                for member in members
            )
        )
        assert policy["bindings"] == [{"role": "roles/r", "members": sorted(members)}]

    drive(server, story)


def test_a_bucket_that_is_not_empty_is_kept_unless_it_is_to_be_emptied() -> None:
    def server() -> Scripted:
        return Scripted(
            {
                "GET /storage/v1/b/b/o": (200, {"items": [{"name": "a/b", "generation": "7"}]}),
                "DELETE /storage/v1/b/b/o/a/b": (200, {}),
                "DELETE /storage/v1/b/b": (200, {}),
            }
        )

    request = {"id": "b", "urn": "urn:pulumi:dev::test::gcp:storage/bucket:Bucket::b"}
    careful, forced = server(), server()

    async def refuse(driver: Driver) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await driver.call("Delete", {**request, "properties": {"name": "b", "forceDestroy": False}})
        assert "holds 1 objects ('a/b' for one)" in failure(error)
        assert not careful.sent("DELETE /storage/v1/b/b")

    async def empty(driver: Driver) -> None:
        await driver.call("Delete", {**request, "properties": {"name": "b", "forceDestroy": True}})
        assert forced.sent("DELETE /storage/v1/b/b/o/a/b")
        assert forced.sent("DELETE /storage/v1/b/b")

    drive(careful, refuse)
    drive(forced, empty)


def test_a_deletion_policy_is_obeyed() -> None:
    server = Scripted({})
    request = {"id": "projects/p/global/networks/n", "urn": f"urn:pulumi:dev::test::{NETWORK}::n"}

    async def story(driver: Driver) -> None:
        await driver.call("Delete", {**request, "properties": {"name": "n", "deletionPolicy": "ABANDON"}})
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await driver.call("Delete", {**request, "properties": {"name": "n", "deletionPolicy": "PREVENT"}})
        assert "deletionPolicy is 'PREVENT'" in failure(error)
        assert server.requests == []

    drive(server, story)
