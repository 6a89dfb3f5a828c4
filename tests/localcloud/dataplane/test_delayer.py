"""What is held on its way: it arrives late and in order, from a delayer that is replaced when it dies."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from localcloud.clock import RealClock
from localcloud.dataplane import wire
from localcloud.dataplane.holding import over
from localcloud.dataplane.world import World
from localcloud.plans.fault import LinkFault
from tests.localcloud.dataplane.cloud import CLOUD_SPEED, PATIENCE, Cloud, running_cloud

pytestmark = pytest.mark.kernel


def _held(kind: str, name: str, *peers: str, **fields: object) -> LinkFault:
    return LinkFault(name="fault", instance=name, kind=kind, peers=peers, **fields)  # type: ignore[arg-type]  # as above


def test_what_is_delayed_takes_its_time_both_ways_and_stays_in_order() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.balance("a")
            held = 4.0 / CLOUD_SPEED  # real seconds
            await cloud.break_links(_held("delay", "a", "client", delay=4.0, jitter=1.0))
            loop = asyncio.get_running_loop()
            began = loop.time()
            client = await cloud.connect()
            assert [(await client.ask(str(number)))["line"] for number in range(3)] == ["0", "1", "2"]
            # the handshake, and three times there and back
            assert loop.time() - began > 4 * 2 * 0.7 * held
            probe = cloud.probe("balancer", "a")  # with half a cloud second to answer
            await cloud.watch(probe)
            await cloud.outcome(probe, "success")

    asyncio.run(scenario())


def test_a_slow_service_accepts_at_once_and_answers_200_late() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.balance("a")
            http, tcp = cloud.probe("balancer", "a"), cloud.probe("autohealing", "a", protocol="TCP")
            patient = cloud.probe("balancer", "a", id="patient", interval=40.0, timeout=40.0)
            await cloud.watch(http, tcp)
            await cloud.break_links(_held("slow", "a", "0.0.0.0/0", delay=10.0, port=8080))
            await cloud.outcome(http, "timeout")
            await cloud.outcome(tcp, "success")
            await cloud.watch(patient)
            result = await cloud.outcome(patient, "success")
            assert result.ended_at - result.sent_at >= 10.0
            await cloud.break_links(_held("slow", "a", "0.0.0.0/0", delay=10.0, port=9090))
            await cloud.watch(http)
            await cloud.outcome(http, "success")

    asyncio.run(scenario())


def _delayers(cloud: Cloud) -> list[int]:
    """Return the process that holds packets, if there is one."""
    try:
        with wire.connect_unix(cloud.world.home.run / "delayer.sock") as sock:
            wire.send(sock, {})
            assembler = wire.Assembler()
            while (item := assembler.pop()) is None:
                if not assembler.receive(sock):
                    return []
            return [int(item[0]["pid"])]
    except OSError:
        return []


def test_a_dead_delayer_is_replaced_and_none_is_left_when_nothing_is_held() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.balance("a")
            assert _delayers(cloud) == []
            await cloud.break_links(_held("delay", "a", "client", delay=1.0))
            (delayer,) = _delayers(cloud)
            os.kill(delayer, signal.SIGKILL)
            client = await cloud.connect()
            assert (await client.ask("hello"))["name"] == "a"
            (successor,) = _delayers(cloud)
            assert successor != delayer
            gone = os.pidfd_open(successor)
            await cloud.break_links()
            loop = asyncio.get_running_loop()
            ended: asyncio.Future[None] = loop.create_future()
            loop.add_reader(gone, lambda: None if ended.done() else ended.set_result(None))
            async with asyncio.timeout(PATIENCE):
                await ended
            loop.remove_reader(gone)
            os.close(gone)
            assert (await cloud.ask())["name"] == "a"

    asyncio.run(scenario())


def test_what_a_delayer_held_that_died_with_its_daemon_is_held_by_the_next_daemons() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b")
            await cloud.balance("a", "b")
            late = _held("delay", "a", "client", delay=1.0), _held("slow", "b", "0.0.0.0/0", delay=1.0)
            await cloud.break_links(*late)
            client = await cloud.connect()
            await client.ask("before")
            (delayer,) = _delayers(cloud)
            handle = os.pidfd_open(delayer)
            await cloud.world.close()  # the daemon first: it must have no part in the delayer's end
            os.kill(delayer, signal.SIGKILL)
            async with asyncio.timeout(PATIENCE):
                await over(handle)
            os.close(handle)
            cloud.world = await World.open(cloud.world.home, RealClock(CLOUD_SPEED))
            await cloud.break_links(*late)
            assert len(_delayers(cloud)) == 1
            await client.ask("after")
            seen: set[str] = set()
            while seen != {"a", "b"}:
                seen.add((await cloud.ask())["name"])

    asyncio.run(scenario())


def test_a_delayer_that_dies_while_it_is_called_is_replaced() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.balance("a")
            with wire.bind_unix(cloud.world.home.run / "delayer.sock") as dying:
                dying.setblocking(False)

                async def hang_up() -> None:
                    connection, _ = await asyncio.get_running_loop().sock_accept(dying)
                    connection.close()

                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(hang_up())
                    await cloud.break_links(_held("delay", "a", "client", delay=1.0))
            assert len(_delayers(cloud)) == 1
            assert (await cloud.ask())["name"] == "a"

    asyncio.run(scenario())


def test_a_fault_that_is_asked_for_while_the_delayer_dies_is_in_force_with_its_successor() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.balance("a")
            await cloud.break_links(_held("delay", "a", "client", delay=1.0))
            faulting = cloud.world._faulting
            watch = faulting._delaying._watch
            assert watch is not None
            (delayer,) = _delayers(cloud)
            os.kill(delayer, signal.SIGKILL)
            cloud.faults = (_held("delay", "a", "client", delay=2.0),)
            await cloud.apply_network()  # its death may have been noticed by now, or not
            await watch
            assert faulting._mending is not None
            await faulting._mending
            assert cloud.world.problems() == {}
            assert len(_delayers(cloud)) == 1
            assert (await cloud.ask())["name"] == "a"

    asyncio.run(scenario())
