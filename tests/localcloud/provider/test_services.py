"""Types outside of Compute's core, against the real API: made, seen unchanged, changed in place, imported, deleted."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from tests.localcloud.provider.driver import Driver, connected, plugin
from tests.localcloud.provider.local_cloud import TOKEN, LocalCloud, local_cloud

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from localcloud.provider.values import Value

Json = dict[str, "Value"]
CONDITION: Json = {
    "displayName": "few",
    "conditionThreshold": {"filter": 'metric.type="m"', "comparison": "COMPARISON_LT", "duration": "60s"},
}
GRID: Json = {"gridLayout": {"widgets": [{"blank": {}}]}}
CASES: dict[str, tuple[Json, Json]] = {
    "gcp:secretmanager/secret:Secret": (
        {"secretId": "s", "replication": {"auto": {}}, "labels": {"a": "b"}, "annotations": {"c": "d"}},
        {"secretId": "s", "replication": {"auto": {}}, "labels": {"a": "x"}, "versionAliases": {"live": "1"}},
    ),
    "gcp:monitoring/notificationChannel:NotificationChannel": (
        {"type": "email", "displayName": "ops", "labels": {"email_address": "a@example.com"}},
        {
            "type": "email",
            "displayName": "dev",
            "labels": {"email_address": "b@example.com"},
            "enabled": False,
        },
    ),
    "gcp:monitoring/alertPolicy:AlertPolicy": (
        {"displayName": "few", "combiner": "OR", "conditions": [CONDITION], "userLabels": {"a": "b"}},
        {
            "displayName": "fewer",
            "combiner": "OR",
            "conditions": [{**CONDITION, "displayName": "x"}],
            "enabled": False,
        },
    ),
    "gcp:monitoring/dashboard:Dashboard": (
        {"dashboardJson": json.dumps({"displayName": "d", **GRID})},
        {"dashboardJson": json.dumps({"displayName": "e", **GRID})},
    ),
    "gcp:projects/service:Service": (
        {"service": "compute.googleapis.com", "disableOnDestroy": False},
        {"service": "compute.googleapis.com", "disableDependentServices": True, "disableOnDestroy": False},
    ),
    "gcp:compute/healthCheck:HealthCheck": (
        {"name": "h", "grpcHealthCheck": {"port": 1, "grpcServiceName": "a"}},
        {"name": "h", "grpcHealthCheck": {"port": 2}, "description": "two"},
    ),
}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    folder: Path = tmp_path_factory.mktemp("objects")
    with local_cloud(folder) as running:
        yield running


def drive(cloud: LocalCloud, work: Callable[[Driver], Awaitable[None]]) -> None:
    async def run() -> None:
        async with plugin() as address, connected(address) as driver:
            services = {
                "serviceUsageCustomEndpoint": f"{cloud.address}/serviceusage/v1/",
                "secretManagerCustomEndpoint": f"{cloud.address}/secretmanager/v1/",
                "monitoringCustomEndpoint": f"{cloud.address}/monitoring/",
            }
            await driver.configure(cloud.address, accessToken=TOKEN, zone="europe-west1-b", **services)
            await work(driver)

    asyncio.run(run())


async def _check(driver: Driver, urn: str, news: Json, olds: Json) -> Json:
    answer = await driver.call("Check", {"urn": urn, "news": news, "olds": olds})
    assert "failures" not in answer, answer
    inputs: Json = answer["inputs"]
    return inputs


async def _diff(driver: Driver, urn: str, resource_id: str, olds: Json, news: Json) -> Json:
    return await driver.call("Diff", {"urn": urn, "id": resource_id, "olds": olds, "news": news})


@pytest.mark.parametrize("kind", sorted(CASES))
def test_a_type_lives_its_life(cloud: LocalCloud, kind: str) -> None:
    first, second = CASES[kind]
    urn = f"urn:pulumi:dev::test::{kind}::one"

    async def live(driver: Driver) -> None:
        inputs = await _check(driver, urn, first, {})
        made = await driver.call("Create", {"urn": urn, "properties": inputs})
        at, state = made["id"], made["properties"]
        assert (await _diff(driver, urn, at, state, inputs))["changes"] == "DIFF_NONE"
        read = await driver.call("Read", {"urn": urn, "id": at, "properties": state, "inputs": inputs})
        assert (await _diff(driver, urn, at, read["properties"], inputs))["changes"] == "DIFF_NONE"

        wanted = await _check(driver, urn, second, inputs)
        found = await _diff(driver, urn, at, read["properties"], wanted)
        assert found["changes"] == "DIFF_SOME"
        assert "replaces" not in found
        before = {"urn": urn, "id": at, "olds": read["properties"], "news": wanted}
        after = (await driver.call("Update", before))["properties"]
        read = await driver.call("Read", {"urn": urn, "id": at, "properties": after, "inputs": wanted})
        assert (await _diff(driver, urn, at, read["properties"], wanted))["changes"] == "DIFF_NONE"

        imported = await driver.call("Read", {"urn": urn, "id": at})
        assert imported["id"] == at
        again = await _check(driver, urn, imported["inputs"], {})
        assert (await _diff(driver, urn, at, imported["properties"], again))["changes"] == "DIFF_NONE"

        await driver.call("Delete", {"urn": urn, "id": at, "properties": read["properties"]})
        if kind != "gcp:projects/service:Service":
            assert "id" not in await driver.call(
                "Read", {"urn": urn, "id": at, "properties": read["properties"]}
            )

    drive(cloud, live)


def test_a_secrets_version_is_destroyed_with_it_and_its_value_stays_secret(cloud: LocalCloud) -> None:
    async def live(driver: Driver) -> None:
        secret = {"secretId": "v", "replication": {"auto": {}}}
        parent = (await driver.create("gcp:secretmanager/secret:Secret", "v", secret))["id"]
        version = {"secret": parent, "secretData": "hush"}
        made = await driver.create("gcp:secretmanager/secretVersion:SecretVersion", "v1", version)
        assert made["properties"]["secretData"]["value"] == "hush"
        assert made["properties"]["version"] == "1"
        urn = "urn:pulumi:dev::test::gcp:secretmanager/secretVersion:SecretVersion::v1"
        await driver.call("Delete", {"urn": urn, "id": made["id"], "properties": made["properties"]})
        assert "id" not in await driver.call(
            "Read", {"urn": urn, "id": made["id"], "properties": made["properties"]}
        )
        assert not [key for key in cloud.keys("secretmanager/") if key.endswith("/payload")]

    drive(cloud, live)


def test_a_service_without_an_endpoint_says_which_setting_is_missing(cloud: LocalCloud) -> None:
    async def work() -> str:
        async with plugin() as address, connected(address) as driver:
            await driver.configure(cloud.address, accessToken=TOKEN)
            try:
                await driver.create(
                    "gcp:secretmanager/secret:Secret", "v", {"secretId": "w", "replication": {"auto": {}}}
                )
            except Exception as error:  # noqa: BLE001 - whatever the call says
                return str(error)
            return ""

    assert "gcp:secretManagerCustomEndpoint is not set" in asyncio.run(work())


def test_zonal_resources_take_the_stacks_zone_and_short_ids(cloud: LocalCloud) -> None:
    async def live(driver: Driver) -> None:
        template: Json = {
            "name": "z",
            "machineType": "e2-small",
            "disks": [{"sourceImage": "debian-cloud/debian-12", "boot": True}],
            "networkInterfaces": [{"network": "z"}],
        }
        await driver.create("gcp:compute/network:Network", "z", {"name": "z"})
        made = await driver.create("gcp:compute/instanceTemplate:InstanceTemplate", "z", template)
        kind = "gcp:compute/instanceGroupManager:InstanceGroupManager"
        versions = [{"instanceTemplate": made["properties"]["selfLinkUnique"]}]
        group = {"name": "z", "baseInstanceName": "z", "targetSize": 1, "versions": versions}
        made = await driver.create(kind, "z", group)
        assert made["id"] == "projects/p/zones/europe-west1-b/instanceGroupManagers/z"
        for short in ("z", "europe-west1-b/z", "p/europe-west1-b/z", made["id"]):
            imported = await driver.call("Read", {"urn": f"urn:pulumi:dev::test::{kind}::z", "id": short})
            assert (imported["id"], imported["properties"]["zone"]) == (made["id"], "europe-west1-b")

    drive(cloud, live)
