"""What the plugin does when things go wrong: Google's message reaches the user, and no resource is forgotten."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
import pytest

from tests.localcloud.provider.failing import BASE, GROUP, NETWORK, NETWORKS, done, drive, failure, running
from tests.localcloud.provider.scripted import Answer, Scripted, refused

if TYPE_CHECKING:
    from localcloud.provider.values import Value
    from tests.localcloud.provider.driver import Driver


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
