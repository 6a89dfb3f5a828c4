"""The forwarding rule's way from the host to an instance: who sees whom, what passes through the door, and what cannot be served."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import struct
from contextlib import suppress
from pathlib import Path

import pytest

from localcloud.dataplane.doorkeeper import client_process
from localcloud.plans.balancer import BalancerPlan
from tests.localcloud.dataplane.cloud import PYTHON, Client, running_cloud

pytestmark = pytest.mark.kernel


def test_an_instance_sees_the_client_and_the_forwarding_rule() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.balance("a")
            client = await cloud.connect()
            facts = await client.ask("hello")
            host, port = client.writer.get_extra_info("sockname")
            assert facts["client"] == [host.replace("127.0.", "198.18."), port]
            assert facts["local"] == [cloud.address, 8080]
            await client.close()

    asyncio.run(scenario())


def test_datagrams_come_with_the_clients_address_too() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.balance("a", protocol="UDP", persistence="none")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.connect((cloud.address, 8080))
                host, port = sock.getsockname()
                facts = await cloud.ask_datagram(sock)
            assert facts == {
                "name": "a",
                "client": [host.replace("127.0.", "198.18."), port],
                "data": "hello",
            }

    asyncio.run(scenario())


def test_half_closed_connections_large_answers_and_resets_pass_through_the_door() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.balance("a")
            half = await cloud.connect()
            half.writer.write_eof()
            assert await half.reader.read() == b"end\n"
            await half.close()
            flood = await cloud.connect()
            flood.writer.write(b"flood\n")
            assert len(await flood.reader.read()) == 20_000_000
            await flood.close()
            broken = await cloud.connect()
            broken.writer.write(b"reset\n")
            with pytest.raises(ConnectionResetError):
                await broken.reader.read()

    asyncio.run(scenario())


def test_a_connection_to_a_closed_port_is_reset() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.balance("a", ports=((8080, 8081),))

            async def converse() -> None:
                client = await cloud.connect(8081)  # the reset may come while this is still under way
                await client.reader.read()

            with pytest.raises(ConnectionResetError):
                await converse()

    asyncio.run(scenario())


def test_a_removed_forwarding_rule_refuses_connections() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.balance("a")
            await cloud.world.apply_balancer(BalancerPlan())
            with pytest.raises(ConnectionRefusedError):
                await cloud.connect()

    asyncio.run(scenario())


def test_ports_that_cannot_be_served_from_the_host_are_named() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            with socket.socket() as taken:
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                taken.bind((cloud.address, 8080))
                taken.listen()
                await cloud.balance("a")
            (words,) = cloud.world.problems().values()
            assert f"{cloud.address}:8080" in words
            assert "another program" in words
            await cloud.balance("a", ports=())
            (words,) = cloud.world.problems().values()
            assert "all ports" in words

    asyncio.run(scenario())


def test_a_dead_door_is_replaced() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.balance("a")
            client = await cloud.connect()
            await client.ask("hello")
            (door,) = _owners_of(client)
            watch = cloud.world._doorkeeper._watch
            assert watch is not None
            os.kill(door, signal.SIGKILL)
            with pytest.raises(ConnectionError):
                await client.ask("anybody?")
            await watch
            assert (await cloud.ask())["name"] == "a"

    asyncio.run(scenario())


INSIDE = """
import socket, sys
with socket.create_connection((sys.argv[1], 8080), timeout=20) as sock:
    sock.sendall(b"hello\\n")
    print(sock.makefile().readline())
"""


def test_a_client_in_the_internet_namespace_meets_the_balancer_directly_on_all_ports() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.balance("a", protocol="L3_DEFAULT", ports=())
            with pytest.raises(ConnectionRefusedError):  # no door for all ports
                await cloud.connect()
            where = await asyncio.to_thread(client_process, cloud.world.home)
            enter = ["nsenter", "--target", str(where), "--user", "--net", "--preserve-credentials", "--"]
            process = await asyncio.create_subprocess_exec(
                *enter, PYTHON, "-c", INSIDE, cloud.address, stdout=asyncio.subprocess.PIPE
            )
            printed, _ = await process.communicate()
            facts = json.loads(printed)
            assert facts["local"] == [cloud.address, 8080]
            assert facts["client"][0] == "198.18.0.1"

    asyncio.run(scenario())


def _as_the_kernel_shows(end: tuple[str, int]) -> str:
    (address,) = struct.unpack("=I", socket.inet_aton(end[0]))
    return f"{address:08X}:{end[1]:04X}"


def _owners_of(client: Client) -> set[int]:
    """Return the processes that have the other end of this client's connection, which the host's socket table knows by its inode."""
    ends = [_as_the_kernel_shows(client.writer.get_extra_info(end)) for end in ("peername", "sockname")]
    table = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    (inode,) = {row[9] for row in table if row[1:3] == ends}
    owners = set()
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if any(each.readlink().name == f"socket:[{inode}]" for each in (process / "fd").iterdir()):
                owners.add(int(process.name))
    return owners
