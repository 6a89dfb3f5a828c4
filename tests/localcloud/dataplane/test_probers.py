"""Probers: how many there are, when each probes, and what becomes of its work when it dies."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from localcloud.dataplane.addresses import prober_source
from localcloud.dataplane.probing import affordable
from localcloud.plans.probe import ProbeSpec
from localcloud.plans.probe_schedule import phase
from tests.localcloud.dataplane.cloud import OPEN, PATIENCE, running_cloud

if TYPE_CHECKING:
    from localcloud.plans.probe import ProbeResult


pytestmark = pytest.mark.kernel


def test_results_of_one_probe_come_in_order_and_at_its_interval() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            probe = cloud.probe("autohealing", "a", interval=2.0, timeout=2.0)
            beats: list[float] = []

            async def until_one_is_on_time() -> None:
                """Take results until a probe started when it was due: on a busy machine any may be late."""
                late = 1.0
                while late > 0.1:
                    sent = (await cloud.outcome(probe, "success")).sent_at
                    beat = sent / probe.interval - phase(probe.id) + 0.001  # a clock's grain is forgiven
                    late = beat % 1
                    beats.append(math.floor(beat))

            await cloud.watch(probe)
            await until_one_is_on_time()
            # the phase is kept though the set of probes changes, and none starts twice in its interval
            await cloud.watch(probe, cloud.probe("autohealing", "a", id="another", port=9))
            await until_one_is_on_time()
            assert beats == sorted(set(beats))

    asyncio.run(scenario())


def test_every_prober_probes_for_itself_from_its_own_address_at_its_own_phase() -> None:
    async def scenario() -> None:
        async with running_cloud(probers=3) as cloud:
            await cloud.start("a")
            probe = cloud.probe("autohealing", "a", interval=2.0, timeout=2.0)
            # the second prober alone is let in
            await cloud.apply_network(replace(OPEN, source_ranges=(f"{prober_source('autohealing', 1)}/32",)))
            await cloud.watch(probe)
            started: dict[int, float] = {}
            while len(started) < 3:
                result = await cloud.results.get()
                assert result.probers == 3
                late = (result.sent_at / probe.interval - phase(probe.id, result.prober) + 0.001) % 1
                if late > 0.1:  # on a busy machine any may be
                    continue
                started[result.prober] = result.sent_at
                if result.prober == 1:
                    assert result.outcome == "success" or "no complete answer" in result.detail
                else:
                    assert result.outcome == "timeout"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("endpoints", "wished", "speed", "probers"),
    [(6, 5, 1.0, 5), (600, 5, 1.0, 5), (601, 5, 1.0, 3), (601, 10, 1.0, 3), (1000, 5, 1.0, 3), (1001, 5, 1.0, 1),
     (2, 5, 5.0, 5), (3, 5, 5.0, 3), (3, 5, 10.0, 1)],
)  # fmt: skip
def test_there_are_no_more_probers_than_can_be_afforded(
    endpoints: int, wished: int, speed: float, probers: int
) -> None:
    spec = ProbeSpec(
        id="p", consumer="balancer", instance="a", instance_address="10.0.0.2", address="127.64.0.1", protocol="TCP", port=80,
        interval=1.0, timeout=1.0,
    )  # fmt: skip
    assert affordable([spec] * endpoints, wished, speed) == probers


def test_fewer_probers_go_on_where_many_endpoints_are_to_be_probed() -> None:
    async def scenario() -> None:
        async with running_cloud(probers=3) as cloud:
            await cloud.start("a")
            probe = cloud.probe("autohealing", "a")
            many = [
                cloud.probe("autohealing", "a", id=f"{number}", interval=0.1, timeout=0.1, port=9)
                for number in range(3)
            ]
            await cloud.watch(probe)
            while (await cloud.results.get()).probers != 3:
                pass
            await cloud.watch(probe, *many)
            while (result := await cloud.results.get()).probers != 1:
                assert result.probers == 3
            await cloud.watch(probe)
            while (await cloud.results.get()).probers != 3:
                pass

    asyncio.run(scenario())


def test_a_dead_prober_is_replaced() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            probe = cloud.probe("autohealing", "a")
            await cloud.watch(probe)
            await cloud.outcome(probe, "success")
            channel = cloud.world._probing._channel
            assert channel is not None
            channel._sock.shutdown(2)  # what its death looks like from here; it ends with its connection
            while cloud.world._probing._channel is channel:
                await cloud.results.get()
            await cloud.outcome(probe, "success")

    asyncio.run(scenario())


def test_a_result_that_cannot_be_taken_is_lost_by_itself() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            probe = cloud.probe("autohealing", "a")
            refused: list[ProbeResult] = []
            later: asyncio.Queue[ProbeResult] = asyncio.Queue()

            def report(result: ProbeResult) -> None:
                if not refused:
                    refused.append(result)
                    msg = "the disk is full"
                    raise OSError(msg)
                later.put_nowait(result)

            await cloud.world.apply_probes(frozenset({probe}), report)
            result = await asyncio.wait_for(later.get(), PATIENCE)
            assert (result.id, result.sent_at >= refused[0].sent_at) == (probe.id, True)

    asyncio.run(scenario())


def test_probes_that_change_while_the_prober_dies_are_its_successors() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.watch(cloud.probe("autohealing", "a"))
            probing = cloud.world._probing
            channel, listener = probing._channel, probing._listener
            assert channel is not None
            assert listener is not None
            changed = cloud.probe("autohealing", "a", id="changed")
            async with probing._turn:
                changing = asyncio.ensure_future(cloud.watch(changed))
                channel._sock.shutdown(2)
                await (
                    listener
                )  # its end has been noticed, and the change has its turn before the successor's start
            await changing
            await cloud.outcome(changed, "success")

    asyncio.run(scenario())
