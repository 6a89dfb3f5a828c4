"""The kernel chooses for each packet whom Google's balancer would, whatever the configuration and whatever happened before."""

from __future__ import annotations

import asyncio

import pytest

from localcloud.dataplane.doorkeeper import client_process
from tests.localcloud.dataplane.balancing_sweep import Sweep
from tests.localcloud.dataplane.dual_stack import running_dual_stack

pytestmark = pytest.mark.kernel
_TABLE = 1021  # slots: what is asked does not depend on it


def sweep(seed: int, *, cases: int, stages: int) -> int:
    """Return how many packets were asked about."""

    async def scenario() -> int:
        async with running_dual_stack(table_size=_TABLE) as cloud:
            drawn = Sweep(cloud, seed, cases)
            try:
                await drawn.begin(client_process(cloud.world.home))
                for number in range(stages):
                    await drawn.stage(first=number == 0)
            finally:
                await drawn.end()
            drawn.check_spread()
            return drawn.asked

    return asyncio.run(scenario())


def test_a_few_configurations_go_through_a_few_events_as_on_google_cloud() -> None:
    assert sweep(1, cases=8, stages=4) > 0


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(100, 112))
def test_many_configurations_go_through_many_events_as_on_google_cloud(seed: int) -> None:
    assert sweep(seed, cases=40, stages=12) > 0
