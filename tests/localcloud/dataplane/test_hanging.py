"""Helpers that hang without dying, in the real kernel: each is noticed and replaced, and those that are well are let alone."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from localcloud.clock import RealClock, VirtualClock
from localcloud.dataplane import holding, inhabitants
from localcloud.dataplane.holding import WorldError
from localcloud.dataplane.restarts import Restarts
from localcloud.dataplane.vigil import LONG_PATIENCE, PATIENCE, Duty, Vigil
from localcloud.dataplane.world import World
from localcloud.plans.fault import LinkFault
from tests.localcloud.dataplane.cloud import CLOUD_SPEED, Cloud, running_cloud
from tests.localcloud.dataplane.cloud import PATIENCE as TEST_PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.kernel


async def until(wanted: Callable[[], object]) -> None:
    async with asyncio.timeout(TEST_PATIENCE):
        while not wanted():  # noqa: ASYNC110 - what the kernel shows tells nobody that it has changed
            await asyncio.sleep(0.01)


class Stage:
    """A cloud whose helpers are looked at when the test says so."""

    def __init__(self, cloud: Cloud, vigil: Vigil) -> None:
        self.cloud, self.vigil = cloud, vigil

    def there(self, role: str) -> list[int]:
        """Return the helpers of this kind."""
        return inhabitants.helpers(self.cloud.world.holder_pid, role)

    async def stop(self, pid: int) -> None:
        """Have a helper hang."""
        os.kill(pid, signal.SIGSTOP)
        await until(lambda: inhabitants.state(pid) == "T")

    async def replaced(self, role: str, pid: int) -> None:
        """Wait until there is another."""
        await until(lambda: self.there(role) not in ([], [pid]))

    async def gone(self, role: str) -> None:
        """Wait until there is none."""
        await until(lambda: not self.there(role))

    async def says(self, role: str, words: str) -> None:
        """Wait until the cloud says this of its helpers of this kind."""
        await until(lambda: self.cloud.world.ailing().get(role, "") == words)

    async def noticed(self, duty: Duty, patience: int = PATIENCE) -> None:
        """Look for as long as it takes to notice this one, which hangs; all others are given the time to answer."""
        hung, looks = duty.hung, 0
        while duty.hung == hung:
            looks += bool(duty.owed)
            self.vigil.look()
            await until(lambda: not any(each.owed for each in self.vigil.duties if each is not duty))
        assert looks >= patience


def test_a_helper_that_hangs_is_replaced_whoever_it_is() -> None:
    async def scenario() -> None:
        vigil = Vigil(VirtualClock())
        async with running_cloud(vigil=vigil) as cloud:
            stage, world = Stage(cloud, vigil), cloud.world
            await cloud.start("a")
            await cloud.balance("a")
            await cloud.break_links(
                LinkFault(name="f", instance="a", kind="delay", peers=("client",), delay=0.1)
            )
            probe = cloud.probe("autohealing", "a")
            await cloud.watch(probe)
            await cloud.outcome(probe, "success")
            duties = {
                "prober": world._probing._duty,
                "door": world._doorkeeper._duty,
                "delayer": world._faulting._delaying._duty,
            }
            for role, duty in duties.items():
                before = {each: stage.there(each) for each in duties}
                (hanging,) = before[role]
                watches = {"door": world._doorkeeper._watch, "delayer": world._faulting._delaying._watch}
                await stage.stop(hanging)
                await stage.noticed(duty)
                if (watch := watches.get(role)) is not None:  # on whoever hung
                    await watch
                if world._faulting._mending is not None:
                    await world._faulting._mending
                await stage.replaced(role, hanging)
                assert {each: stage.there(each) for each in duties if each != role} == {
                    each: pids for each, pids in before.items() if each != role
                }
                while not cloud.results.empty():
                    cloud.results.get_nowait()
                await cloud.outcome(probe, "success")
                assert (await cloud.ask())["name"] == "a"

    asyncio.run(scenario())


def test_a_worker_or_an_agent_that_hangs_is_replaced_once_somebody_waits_for_it() -> None:
    async def scenario() -> None:
        vigil = Vigil(VirtualClock())
        async with running_cloud(vigil=vigil) as cloud:
            stage, worker = Stage(cloud, vigil), cloud.world._rules_worker
            await cloud.start("a")
            other = set(stage.there("worker"))
            (agent,) = stage.there("agent")
            worker.close()
            await cloud.balance("a")
            (hanging,) = set(stage.there("worker")) - other
            await stage.stop(hanging)
            asked = asyncio.ensure_future(worker.nft_tables("ip"))
            await stage.noticed(worker._duty, LONG_PATIENCE)
            with pytest.raises(WorldError, match="worker died while it did 'nft_show'"):
                await asked
            await stage.stop(agent)
            again = asyncio.ensure_future(worker.nft_tables("ip"))
            await until(lambda: cloud.world._agent._duty.owed)
            await stage.noticed(cloud.world._agent._duty)
            assert "balancer" in await again
            assert (await cloud.ask())["name"] == "a"

    asyncio.run(scenario())


def test_a_door_that_hangs_does_not_keep_the_next_daemon_from_starting() -> None:
    async def scenario() -> None:
        async with running_cloud(vigil=Vigil(VirtualClock())) as cloud:
            await cloud.start("a")
            await cloud.balance("a")
            vigil = Vigil(VirtualClock())
            stage = Stage(cloud, vigil)
            (door,) = stage.there("door")
            await stage.stop(door)
            await cloud.world.close()
            opening = asyncio.ensure_future(World.open(cloud.world.home, RealClock(CLOUD_SPEED), vigil=vigil))
            await until(lambda: any(each.owed for each in vigil.duties if each.what == "door"))
            await stage.noticed(next(each for each in vigil.duties if each.what == "door"))
            cloud.world = await opening
            assert cloud.world.adopted
            await cloud.apply_network()
            await cloud.balance("a")
            assert (await cloud.ask())["name"] == "a"

    asyncio.run(scenario())


def test_a_helper_that_hangs_when_its_daemon_dies_does_not_keep_the_next_one_waiting_for_ever() -> None:
    async def scenario() -> None:
        async with running_cloud(vigil=Vigil(VirtualClock())) as cloud:
            stage, clock = Stage(cloud, Vigil(VirtualClock())), VirtualClock()
            await cloud.start("a")
            await cloud.balance("a")
            hanging = stage.there("worker")
            for each in hanging:
                await stage.stop(each)
            await cloud.world.close()
            waiting = asyncio.ensure_future(holding.outlast_helpers(cloud.world.home, clock))
            await asyncio.sleep(0)
            await clock.advance(1)
            assert set(hanging) <= set(stage.there("worker")), "it is patient"
            async with asyncio.timeout(TEST_PATIENCE):
                while not waiting.done():
                    await clock.advance(1)
            os.close(waiting.result())
            assert stage.there("worker") == []
            cloud.world = await World.open(cloud.world.home, RealClock(CLOUD_SPEED))
            await cloud.apply_network()
            await cloud.balance("a")
            assert (await cloud.ask())["name"] == "a"

    asyncio.run(scenario())


def test_one_that_ends_soon_after_its_start_waits_longer_every_time_and_status_says_so() -> None:
    async def scenario() -> None:
        async with running_cloud(vigil=Vigil(VirtualClock())) as cloud:
            stage, clock = Stage(cloud, Vigil(VirtualClock())), VirtualClock()
            await cloud.start("a")
            await cloud.balance("a")
            probe = cloud.probe("autohealing", "a")
            await cloud.watch(probe)
            await cloud.outcome(probe, "success")
            world = cloud.world
            world._probing._restarts = Restarts("prober", clock)
            world._doorkeeper._restarts = Restarts("door", clock)
            for role in ("prober", "door"):
                for ends, pause in ((1, 0.0), (2, 0.5), (3, 1.0)):
                    (pid,) = stage.there(role)
                    os.kill(pid, signal.SIGKILL)
                    if pause:
                        words = f"the {role} ended {ends} times in a row within 60 s of its start"
                        await stage.says(role, f"{words}; the next is started in {pause:g} s")
                        await stage.gone(role)
                        await clock.advance(pause)
                        await stage.says(role, words)
                    await stage.replaced(role, pid)
                    async with (
                        world._doorkeeper._turn,
                        world._probing._turn,
                    ):  # until it has been told its work
                        pass
            await cloud.outcome(probe, "success")
            assert (await cloud.ask())["name"] == "a"

    asyncio.run(scenario())
