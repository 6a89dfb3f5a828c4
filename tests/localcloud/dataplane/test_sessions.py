"""Who keeps a client, in the real kernel: session affinity, with and without tracking."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from localcloud.plans.balancer import BalancerPlan
from tests.localcloud.dataplane.cloud import Cloud, running_cloud

pytestmark = pytest.mark.kernel
CLIENTS = [f"127.0.{number}.{number}" for number in range(1, 31)]


async def _homes(cloud: Cloud) -> list[str]:
    """Return who answers each of many clients."""
    return [(await cloud.ask(source))["name"] for source in CLIENTS]


def test_one_client_stays_with_one_backend_under_client_ip_affinity() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b", "c")
            await cloud.balance("a", "b", "c", affinity="CLIENT_IP")
            assert len({(await cloud.ask())["name"] for _ in range(20)}) == 1

    asyncio.run(scenario())


@pytest.mark.parametrize(("tracking", "stays"), [("PER_SESSION", True), ("PER_CONNECTION", False)])
def test_a_session_stays_when_backends_come_and_only_if_sessions_are_tracked(
    tracking: str, stays: bool
) -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b", "c")
            fields: dict[str, Any] = {"affinity": "CLIENT_IP", "tracking": tracking}
            await cloud.balance("a", "b", **fields)
            before = await _homes(cloud)
            assert set(before) == {"a", "b"}
            await cloud.balance("a", "b", "c", **fields)
            assert (await _homes(cloud) == before) is stays
            await cloud.balance("c", **fields)
            assert set(await _homes(cloud)) == ({"a", "b"} if stays else {"c"})
            await cloud.balance("c", **fields, persistence="none")
            assert set(await _homes(cloud)) == {"c"}

    asyncio.run(scenario())


@pytest.mark.parametrize(("affinity", "same"), [("CLIENT_IP_NO_DESTINATION", True), ("CLIENT_IP", False)])
def test_without_the_destination_a_client_has_one_home_at_every_rule_of_a_service(
    affinity: str, same: bool
) -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b", "c")
            rule = cloud.service("a", "b", "c", affinity=affinity)
            other = replace(rule, key=rule.key + "-2", address=cloud.address + "1")
            for machine in cloud.machines.values():
                await cloud.world.set_local_addresses(machine.pid, (rule.address, other.address))
            await cloud.world.apply_balancer(BalancerPlan(services=(rule, other)))
            homes = await _homes(cloud)
            assert set(homes) == {"a", "b", "c"}
            cloud.address = other.address
            assert (await _homes(cloud) == homes) is same

    asyncio.run(scenario())
