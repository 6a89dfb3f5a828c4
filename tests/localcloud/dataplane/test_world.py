"""Machines, the forwarding rule's way from the host to them, and the life of the world itself, in the real kernel."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from localcloud.clock import RealClock
from localcloud.dataplane.holding import WorldError
from localcloud.dataplane.namespaces import namespace_inode, start_time
from localcloud.dataplane.world import World
from localcloud.home import Home
from localcloud.plans.balancer import BalancerPlan
from localcloud.plans.world import Command, Spawned
from tests.localcloud.dataplane.cloud import PYTHON, SUBNETWORK, Client, Cloud, rule_address, running_cloud

pytestmark = pytest.mark.kernel


def _inhabitants(kind: str, namespace: int) -> list[str]:
    """Return the processes in a namespace; one that has ended and waits for the host's init to reap it is none any more."""
    numbers = [each.name for each in Path("/proc").iterdir() if each.name.isdigit()]
    return [
        each
        for each in numbers
        if namespace_inode(each, kind) == namespace and start_time(int(each)) is not None
    ]


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
            await cloud.balance("a", protocol="UDP", persist_on_unhealthy=False)
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


def test_new_connections_go_to_eligible_backends_and_old_ones_stay() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b", "c")
            await cloud.balance("a", "b", "c")
            clients = [await cloud.connect() for _ in range(30)]
            homes = [(await client.ask("who"))["name"] for client in clients]
            assert set(homes) == {"a", "b", "c"}
            await cloud.balance("b", "c")
            assert {(await cloud.ask())["name"] for _ in range(30)} == {"b", "c"}
            assert [(await client.ask("who"))["name"] for client in clients] == homes
            for client in clients:
                await client.close()

    asyncio.run(scenario())


def test_datagrams_leave_an_ineligible_backend() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b")
            await cloud.balance("a", protocol="UDP", persist_on_unhealthy=False)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                assert (await cloud.ask_datagram(sock))["name"] == "a"
                await cloud.balance("b", protocol="UDP", persist_on_unhealthy=False)
                assert (await cloud.ask_datagram(sock))["name"] == "b"

    asyncio.run(scenario())


def test_one_client_stays_with_one_backend_under_client_ip_affinity() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b", "c")
            await cloud.balance("a", "b", "c", affinity="CLIENT_IP")
            assert len({(await cloud.ask())["name"] for _ in range(20)}) == 1

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


def test_a_machine_listens_before_its_program_runs_and_gets_its_descriptors() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            interface = cloud.interface("a")
            await cloud.apply_network()
            program = (
                "import os,urllib.request;"
                "os.write(7, urllib.request.urlopen('http://169.254.169.254/').read() + os.environ['GREETING'].encode())"
            )
            told, told_there = os.pipe()
            command = Command(argv=(PYTHON, "-c", program), env={"GREETING": "hi"}, fds={7: told_there})
            spawned = await cloud.world.spawn(
                interface, SUBNETWORK.gateway, 20, command, [("169.254.169.254", 80)]
            )
            os.close(told_there)
            (listener,) = spawned.listeners
            listener.setblocking(True)

            def serve() -> None:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nmetadata ")

            await asyncio.to_thread(serve)
            assert await asyncio.to_thread(os.read, told, 100) == b"metadata hi"
            os.close(told)
            listener.close()

    asyncio.run(scenario())


def test_a_machines_program_has_no_power_over_its_network() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            interface = cloud.interface("a")
            await cloud.apply_network()
            told, told_there = os.pipe()
            script = (
                "ip link set eth0 down; echo $? >&3; nft list ruleset; echo $? >&3; "
                "grep -E 'CapEff|NoNewPrivs' /proc/self/status | sort >&3"
            )
            command = Command(
                argv=("/bin/sh", "-c", script),
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                fds={3: told_there},
            )
            await cloud.world.spawn(interface, SUBNETWORK.gateway, 20, command, [])
            os.close(told_there)
            with os.fdopen(told) as stream:
                lines = (await asyncio.to_thread(stream.read)).splitlines()
            assert lines[0] != "0"
            assert lines[1] != "0"
            # CAP_SETFCAP alone, which a sandbox needs to map its own root; with no_new_privs it gives nothing else
            assert lines[2].split() == ["CapEff:", f"{1 << 31:016x}"]
            assert lines[3].split() == ["NoNewPrivs:", "1"]

    asyncio.run(scenario())


def test_a_program_that_cannot_be_executed_is_an_error_with_its_name() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            interface = cloud.interface("a")
            await cloud.apply_network()
            with pytest.raises(WorldError, match="cannot execute /no/such/program"):
                await cloud.world.spawn(
                    interface, SUBNETWORK.gateway, 20, Command(argv=("/no/such/program",)), []
                )

    asyncio.run(scenario())


def test_a_subnetwork_that_was_never_planned_is_an_error_that_says_so() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            with pytest.raises(WorldError, match="not in the network plan applied last"):
                await cloud.world.spawn(
                    cloud.interface("a"), SUBNETWORK.gateway, 20, Command(argv=("/bin/true",)), []
                )

    asyncio.run(scenario())


def test_a_removed_machine_leaves_no_process_behind() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            pid = cloud.machines["a"].pid
            netns = namespace_inode(pid, "net")
            assert netns is not None
            await cloud.world.remove("a", pid)
            await cloud.world.remove("a", pid)
            assert _inhabitants("net", netns) == []

    asyncio.run(scenario())


DAEMON = """
import asyncio, json, sys
from pathlib import Path
from localcloud.home import Home
from localcloud.clock import RealClock
from localcloud.dataplane.world import World
from tests.localcloud.dataplane import cloud as clouds

async def main():
    world = await World.open(Home(Path(sys.argv[1])), RealClock(10.0))
    cloud = clouds.Cloud(world)
    cloud.address = sys.argv[2]
    await cloud.start("a", "b")
    await cloud.balance("a", "b")
    await cloud.watch(cloud.probe("balancer", "a"))
    print(json.dumps([cloud.machines["a"].pid, cloud.machines["b"].pid]), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_killed_daemon_costs_no_connection_and_its_world_is_adopted() -> None:
    async def scenario(folder: Path) -> None:
        home = Home(folder)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", DAEMON, str(folder), rule_address(), stdout=subprocess.PIPE, cwd=Path.cwd()
        )
        assert process.stdout is not None
        pids = json.loads(await process.stdout.readline())
        client = await Client.connect(rule_address(), 8080)
        before = await client.ask("before")

        process.send_signal(signal.SIGKILL)
        await process.wait()

        assert (await client.ask("orphaned"))["name"] == before["name"]
        newcomer = await Client.connect(rule_address(), 8080)
        assert (await newcomer.ask("new"))["name"] in {"a", "b"}
        await newcomer.close()

        world = await World.open(home, RealClock(10.0))
        try:
            assert world.adopted
            cloud = Cloud(world)
            cloud.interface("a")
            cloud.interface("b")
            cloud.machines = {
                name: Spawned(pid=pid, listeners=()) for name, pid in zip("ab", pids, strict=True)
            }
            await cloud.apply_network()
            await cloud.balance("b")
            assert (await client.ask("adopted"))["name"] == before["name"]
            assert {(await cloud.ask())["name"] for _ in range(10)} == {"b"}
            probe = cloud.probe("balancer", "a")
            await cloud.watch(probe)
            await cloud.outcome(probe, "success")
            (listener,) = await world.listen(pids[0], [("169.254.169.254", 80)])
            assert listener.getsockname() == ("169.254.169.254", 80)
            listener.close()
            await world.remove("a", pids[0])
            await cloud.outcome(probe, "timeout")
            await client.close()
        finally:
            await world.stop()

    folder = Path(tempfile.mkdtemp(prefix="localcloud-dataplane-"))
    asyncio.run(scenario(folder))
    shutil.rmtree(folder)


def test_one_folder_has_one_daemon() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            with pytest.raises(WorldError, match="another process runs this local cloud"):
                await World.open(cloud.world.home, RealClock())

    asyncio.run(scenario())


def test_a_long_folder_name_is_no_obstacle() -> None:
    async def scenario(folder: Path) -> None:
        world = await World.open(Home(folder / ("long" * 40) / ("longer" * 30)), RealClock())
        await world.stop()

    folder = Path(tempfile.mkdtemp(prefix="localcloud-dataplane-"))
    asyncio.run(scenario(folder))
    shutil.rmtree(folder)


def _mounts() -> str:
    return Path("/proc/self/mountinfo").read_text(encoding="utf-8")


def test_stop_leaves_nothing() -> None:
    async def scenario(home: Home) -> None:
        mounts = _mounts()
        world = await World.open(home, RealClock(10.0))
        cloud = Cloud(world)
        await cloud.start("a", "b")
        await cloud.balance("a", "b")
        await cloud.watch(cloud.probe("balancer", "a"))
        client = await cloud.connect()
        await client.ask("hello")
        user_namespace = namespace_inode(world.holder_pid, "user")
        assert user_namespace is not None
        assert (
            len(_inhabitants("user", user_namespace)) >= 6
        )  # holder, agent, workers, door, prober, machines
        await world.stop()
        assert _inhabitants("user", user_namespace) == []
        with pytest.raises(ConnectionResetError):
            await client.ask("anybody?")
        with pytest.raises(ConnectionRefusedError):
            await cloud.connect()
        await cloud.hang_up()
        assert _mounts() == mounts
        assert os.listdir(home.run) == ["world.lock"]  # noqa: PTH208  # three names at most
        again = await World.open(home, RealClock())
        assert not again.adopted
        await again.stop()

    folder = Path(tempfile.mkdtemp(prefix="localcloud-dataplane-"))
    asyncio.run(scenario(Home(folder)))
    shutil.rmtree(folder)


def test_a_dead_door_is_replaced() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.balance("a")
            client = await cloud.connect()
            await client.ask("hello")
            (door,) = _owners_of(client)
            os.kill(door, signal.SIGKILL)
            with pytest.raises(ConnectionError):
                await client.ask("anybody?")
            watch = cloud.world._doorkeeper._watch
            assert watch is not None
            await watch
            assert (await cloud.ask())["name"] == "a"

    asyncio.run(scenario())


def _owners_of(client: Client) -> set[int]:
    """Return the processes that have the other end of this client's connection, which the host's socket table knows by its inode."""
    port = client.writer.get_extra_info("sockname")[1]
    table = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    (inode,) = {row[9] for row in table if row[2].endswith(f":{port:04X}") and row[9] != "0"}
    owners = set()
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if any(each.readlink().name == f"socket:[{inode}]" for each in (process / "fd").iterdir()):
                owners.add(int(process.name))
    return owners
