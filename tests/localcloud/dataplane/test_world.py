"""The life of the world itself, in the real kernel: adopted after a daemon's death, alone in its folder, gone without a trace."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from localcloud.clock import RealClock
from localcloud.dataplane import holding
from localcloud.dataplane.holding import WorldError
from localcloud.dataplane.namespaces import namespace_inode
from localcloud.dataplane.world import World
from localcloud.home import Home
from localcloud.plans.world import Spawned
from tests.localcloud.dataplane.cloud import Client, Cloud, inhabitants, rule_address, running_cloud

pytestmark = pytest.mark.kernel


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
            assert listener.getsockname()[0] == "169.254.169.254"
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


def test_a_world_whose_making_is_broken_off_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    async def break_off(home: Home) -> int:
        holder = holding.find(home)
        assert holder is not None
        made.append(os.pidfd_open(holder.pid))
        raise asyncio.CancelledError

    async def scenario(folder: Path) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(holding, "outlast_helpers", break_off)
            with pytest.raises(asyncio.CancelledError):
                await World.open(Home(folder), RealClock())
        (descriptor,) = made
        assert holding.is_dead(descriptor)
        os.close(descriptor)
        assert holding.find(Home(folder)) is None

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scenario(Path(folder)))


def test_a_long_folder_name_is_no_obstacle() -> None:
    async def scenario(folder: Path) -> None:
        world = await World.open(Home(folder / ("long" * 40) / ("longer" * 30)), RealClock())
        await world.stop()

    folder = Path(tempfile.mkdtemp(prefix="localcloud-dataplane-"))
    asyncio.run(scenario(folder))
    shutil.rmtree(folder)


def _mounts(home: Home, namespaces: set[str]) -> list[str]:
    """Return this machine's mounts that are of this cloud's folder or hold one of these namespaces; others' are theirs."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if str(home.path) in line or any(each in line for each in namespaces)]


def _namespaces(pids: list[str]) -> set[str]:
    found = set()
    for pid in pids:
        for kind in ("net", "mnt", "pid", "user"):
            with suppress(OSError):  # it may be ending
                found.add(str(Path(f"/proc/{pid}/ns/{kind}").readlink()))
    return found - {str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in ("net", "mnt", "pid", "user")}


def test_stop_leaves_nothing() -> None:
    async def scenario(home: Home) -> None:
        world = await World.open(home, RealClock(10.0))
        cloud = Cloud(world)
        await cloud.start("a", "b")
        await cloud.balance("a", "b")
        await cloud.watch(cloud.probe("balancer", "a"))
        client = await cloud.connect()
        await client.ask("hello")
        user_namespace = namespace_inode(world.holder_pid, "user")
        assert user_namespace is not None
        assert len(inhabitants("user", user_namespace)) >= 6  # holder, agent, workers, door, prober, machines
        # while they live their numbers are nobody else's
        assert _mounts(home, _namespaces(inhabitants("user", user_namespace))) == []
        await world.stop()
        assert inhabitants("user", user_namespace) == []
        with pytest.raises(ConnectionResetError):
            await client.ask("anybody?")
        with pytest.raises(ConnectionRefusedError):
            await cloud.connect()
        await cloud.hang_up()
        assert _mounts(home, set()) == []
        assert os.listdir(home.run) == ["world.lock"]  # noqa: PTH208  # three names at most
        again = await World.open(home, RealClock())
        assert not again.adopted
        await again.stop()

    folder = Path(tempfile.mkdtemp(prefix="localcloud-dataplane-"))
    asyncio.run(scenario(Home(folder)))
    shutil.rmtree(folder)
