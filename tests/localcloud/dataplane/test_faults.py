"""Faults on links in the real kernel: what is lost, held or slow, in both directions, for machines that live and for those to come."""

from __future__ import annotations

import asyncio
import itertools
import os

import pytest

from localcloud.clock import RealClock
from localcloud.dataplane import faults
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
