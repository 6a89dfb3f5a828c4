"""What tests of failures share: a small cloud that answers as it is told, a group to be made there, and what an error tells."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from google.protobuf import json_format
from pulumi.runtime.proto import provider_pb2, status_pb2

from tests.localcloud.provider.driver import Driver, connected, plugin, served

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import grpc
    import pytest

    from localcloud.provider.values import Value
    from tests.localcloud.provider.scripted import Answer, Scripted


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
