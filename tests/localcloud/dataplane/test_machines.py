"""Machines: their namespaces, listeners and descriptors, and that they have no power over their network."""

from __future__ import annotations

import asyncio
import os

import pytest

from localcloud.dataplane.holding import WorldError
from localcloud.dataplane.namespaces import namespace_inode
from localcloud.plans.world import Command
from tests.localcloud.dataplane.cloud import PYTHON, SUBNETWORK, inhabitants, running_cloud

pytestmark = pytest.mark.kernel


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
            assert inhabitants("net", netns) == []

    asyncio.run(scenario())
