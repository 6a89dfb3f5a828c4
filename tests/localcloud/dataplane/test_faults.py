"""Faults on links in the real kernel: what is lost, held or slow, in both directions, for machines that live and for those to come."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal

import pytest

from localcloud.clock import RealClock
from localcloud.dataplane import faults, wire
from localcloud.dataplane.world import World
from localcloud.plans.fault import LinkFault
from tests.localcloud.dataplane.cloud import CLOUD_SPEED, PATIENCE, Cloud, running_cloud

pytestmark = pytest.mark.kernel

# all from one processor: the kernel keeps packets in order for each of them, and not among them
NUMBERED = """
import os, socket, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
address, count = sys.argv[1], int(sys.argv[2])
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(count):
    sock.sendto(b"%d" % number, (address, 8080))
"""
LISTENING = """
import os, socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
sock.bind(("", 8080))
os.write(3, b"r")
heard = []
while (data := sock.recv(100)) != b"end":
    heard.append(data.decode())
os.write(3, " ".join(heard).encode())
"""
REACHING = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3]))
    print("reached")
except OSError as error:
    print(type(error).__name__)
"""


def _loss(name: str, *peers: str, **fields: object) -> LinkFault:
    return LinkFault(name="fault", instance=name, kind="loss", peers=peers, **fields)  # type: ignore[arg-type]  # what a test is about


def _held(kind: str, name: str, *peers: str, **fields: object) -> LinkFault:
    return LinkFault(name="fault", instance=name, kind=kind, peers=peers, **fields)  # type: ignore[arg-type]  # as above


def test_probers_cut_off_from_one_instance_reach_the_others_and_clients_reach_all() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b")
            await cloud.balance("a")
            probes = [
                cloud.probe("autohealing", "a"),
                cloud.probe("balancer", "a"),
                cloud.probe("autohealing", "b"),
            ]
            await cloud.watch(*probes)
            for probe in probes:
                await cloud.outcome(probe, "success")
            await cloud.break_links(_loss("a", "prober"))
            for probe in probes[:2]:
                await cloud.outcome(probe, "timeout")
            await cloud.outcome(probes[2], "success")
            assert (await cloud.ask())["name"] == "a"
            await cloud.break_links()
            for probe in probes:
                await cloud.outcome(probe, "success")

    asyncio.run(scenario())


def test_a_client_that_is_cut_off_reaches_nobody_while_probes_do() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.balance("a")
            client = await cloud.connect()
            await client.ask("before")
            await cloud.break_links(_loss("a", "client"))
            client.writer.write(b"during\n")
            probe = cloud.probe("balancer", "a")
            await cloud.watch(probe)
            await cloud.outcome(probe, "success")
            assert client.reader._buffer == b""  # type: ignore[attr-defined]  # nothing came, and nothing is waited for
            await cloud.break_links()
            async with asyncio.timeout(PATIENCE):
                assert b"during" in await client.reader.readline()  # TCP made up for it

    asyncio.run(scenario())


async def _reaches(cloud: Cloud, name: str, address: str, *, patience: float = 20.0) -> bool:
    """Return whether an instance reaches another one's service, or its own metadata server."""
    port = 80 if address == faults.METADATA else 8080
    listeners = [(address, port)] if address == faults.METADATA else []
    printed = await cloud.execute(name, REACHING, address, str(port), str(patience), listeners=listeners)
    assert printed.strip() in {"reached", "TimeoutError"}
    return printed.strip() == "reached"


def test_two_instances_that_are_parted_reach_others_and_a_new_one_is_parted_from_its_first_packet() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "c")
            apart = cloud.interface("b").address
            await cloud.break_links(_loss("a", apart + "/32"))
            first, second = (cloud.interfaces[name].address for name in ("a", "c"))
            assert not await _reaches(cloud, "b", first, patience=0.5)
            assert await _reaches(cloud, "b", second)
            assert await _reaches(cloud, "d", first)
            cloud.interface("e")
            await cloud.break_links(_loss("e", second + "/32"))
            assert await _reaches(cloud, "e", first)
            assert not await _reaches(cloud, "e", second, patience=0.5)

    asyncio.run(scenario())


def test_the_metadata_server_can_be_out_of_reach_for_one_instance() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            cloud.interface("a")
            assert await _reaches(cloud, "a", faults.METADATA)
            await cloud.break_links(_loss("a", "metadata"))
            assert not await _reaches(cloud, "a", faults.METADATA, patience=0.5)

    asyncio.run(scenario())


async def _heard(cloud: Cloud, fault: LinkFault, count: int) -> list[int]:
    """Return which of so many numbered datagrams from b arrive at a under this fault."""
    await cloud.break_links(fault)
    ready, ready_there = os.pipe()
    interface = cloud.interfaces["a"]
    spawned = await cloud.begin("a", LISTENING, {3: ready_there})
    os.close(ready_there)
    assert await asyncio.to_thread(os.read, ready, 1) == b"r"
    await cloud.execute("b", NUMBERED, interface.address, str(count))
    await cloud.break_links()
    await cloud.execute("b", NUMBERED.replace('b"%d" % number', 'b"end"'), interface.address, "1")
    with os.fdopen(ready) as stream:
        heard = await asyncio.to_thread(stream.read)
    await cloud.world.remove("a", spawned.pid)
    return [int(each) for each in heard.split()]


def test_the_same_seed_loses_the_same_packets_as_many_as_asked_and_in_bursts() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            cloud.interface("a")
            source = cloud.interface("b").address
            fault = _loss("a", source, share=0.2, burst=3.0, seed=7)
            lost = faults.lost(0.2, 3.0, "7/a/saddr")
            expected = [number for number in range(500) if number not in lost]
            assert await _heard(cloud, fault, 500) == expected
            assert await _heard(cloud, fault, 500) == expected
            other = await _heard(cloud, _loss("a", source, share=0.2, burst=3.0, seed=8), 500)
            assert other != expected

    asyncio.run(scenario())


@pytest.mark.parametrize(("share", "burst"), [(0.01, 1.0), (0.2, 1.0), (0.2, 3.0), (0.9, 1.0), (0.0001, 1.0)])
def test_patterns_have_the_share_and_the_bursts_asked_for(share: float, burst: float) -> None:
    numbers = sorted(faults.lost(share, burst, "seed"))
    assert len(numbers) == max(1, round(share * faults.PATTERN))
    bursts = 1 + sum(second != first + 1 for first, second in itertools.pairwise(numbers))
    if burst > 1:
        assert len(numbers) / bursts == pytest.approx(burst, rel=0.15)


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


def test_faults_outlive_the_daemon_and_the_next_one_ends_them() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b")
            await cloud.balance("a", "b")
            lossy = _loss("a", "prober")
            late = LinkFault(name="late", instance="b", kind="delay", peers=("client",), delay=1.0)
            await cloud.break_links(lossy, late)
            await cloud.world.close()
            cloud.world = await World.open(cloud.world.home, RealClock(CLOUD_SPEED))
            assert cloud.world.adopted
            assert (await cloud.ask())["name"] in {"a", "b"}
            probe = cloud.probe("autohealing", "a")
            await cloud.watch(probe)
            await cloud.outcome(probe, "timeout")
            await cloud.break_links()
            await cloud.outcome(probe, "success")
            assert await cloud.world._rules_worker.nft_tables("netdev") == frozenset()
            assert {(await cloud.ask())["name"] for _ in range(30)} == {"a", "b"}

    asyncio.run(scenario())
