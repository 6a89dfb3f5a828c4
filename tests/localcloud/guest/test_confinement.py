"""Each instance has a control group of its own: who is in it, what is counted by it, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest

from localcloud.guest import confinement, processes
from localcloud.guest.confinement import Confinement
from tests.localcloud.guest.cloud import Cloud, in_cloud, until
from tests.localcloud.guest.given_group import given_group

if TYPE_CHECKING:
    from pathlib import Path

    from localcloud.plans.machine import MachineSpec

pytestmark = pytest.mark.kernel

NAME = "mig-nlb-of-the-tests"


def members(group: Path) -> set[int]:
    """Return a group's processes."""
    return {int(pid) for pid in (group / "cgroup.procs").read_text(encoding="ascii").split()}


async def confined(cloud: Cloud, base: Path) -> None:
    """Have the cloud's instances in groups below `base` from now on, as a next daemon does."""
    await cloud.machines.release()
    cloud.machines = cloud.sandboxes(confinement=Confinement(cloud.home, base, bare=True))
    await cloud.machines.adopt()


def whole(cloud: Cloud, spec: MachineSpec) -> set[int]:
    """Return the processes of an instance: its init's tree, and what made that."""
    return {*processes.Snapshot().tree(cloud.machine(spec.id).record.outer)}


@in_cloud
async def test_all_of_an_instance_is_in_its_group_which_it_does_not_see(cloud: Cloud) -> None:
    with given_group() as given:
        await confined(cloud, base := given / NAME)
        spec, other = await cloud.boot("", "one"), await cloud.boot("", "other")
        await cloud.settled(spec)
        await cloud.settled(other)
        # Somebody who has left the session, and whose parent is gone, is there when the command has ended.
        leave = "(setsid sleep 1000 &) >/dev/null 2>&1 </dev/null; until pgrep -x sleep; do sleep 0.1; done"
        assert await cloud.said(spec, leave) != ""
        # what has just ended is no member any more, and may still be seen
        await until(lambda: members(base / spec.id) == whole(cloud, spec))
        await until(lambda: members(base / other.id) == whole(cloud, other))
        await until(lambda: len(members(base / spec.id)) == len(members(base / other.id)) + 1)
        said = await cloud.said(spec, "cat /proc/self/cgroup /proc/1/cgroup")
        assert {line.split(":", 2)[2] for line in said.splitlines()} == {"/"}, (
            "it is at the top of every tree"
        )
        told = cloud.machines.surroundings()["control_groups"]
        assert told == f"each instance has one of its own below {base}, which holds it to nothing"
        await cloud.machines.stop(spec.id, grace=0)
        assert not (base / spec.id).exists()
        assert cloud.view(other).state == "running"
        await cloud.machines.stop(other.id, grace=0)
        assert [each.name for each in base.iterdir() if each.is_dir()] == []


@in_cloud
async def test_group_counts_the_cpu_time_of_all_that_ever_ran_in_it(cloud: Cloud) -> None:
    with given_group() as given:
        await confined(cloud, base := given / NAME)
        spec = await cloud.boot()
        await cloud.settled(spec)
        burn = "import time; e = time.process_time() + 0.3\nwhile time.process_time() < e: pass"
        before = cloud.view(spec).cpu_seconds
        await cloud.run(spec, f"/usr/bin/python3 -c '{burn}'")
        after = cloud.view(spec).cpu_seconds
        assert after - before >= 0.3
        # By another's count too, which the process itself is no longer part of.
        counted = (base / spec.id / "cpu.stat").read_text(encoding="ascii").split()[1]
        assert after <= int(counted) / 1e6
        await cloud.machines.crash(spec.id)
        assert cloud.view(spec).cpu_seconds >= after
        await cloud.machines.stop(spec.id, grace=0)


@in_cloud
async def test_next_daemon_finds_the_groups_and_ends_those_of_nobody(cloud: Cloud) -> None:
    with given_group() as given:
        await confined(cloud, base := given / NAME)
        spec = await cloud.boot()
        await cloud.settled(spec)
        # What a daemon leaves that is killed when it has made a group, and not yet written down whose.
        lost = base / "77"
        lost.mkdir()
        left, stranger = [await asyncio.create_subprocess_exec("sleep", "1000") for _ in range(2)]
        (lost / "cgroup.procs").write_text(str(left.pid), encoding="ascii")
        used = cloud.view(spec).cpu_seconds
        await confined(cloud, given / "elsewhere")
        assert await left.wait() == -signal.SIGKILL
        assert not lost.exists()
        await until(lambda: members(base / spec.id) == whole(cloud, spec))
        assert cloud.view(spec).cpu_seconds >= used > 0
        # Whoever is in the group ends with the instance, also who is in none of its namespaces.
        (base / spec.id / "cgroup.procs").write_text(str(stranger.pid), encoding="ascii")
        await cloud.machines.stop(spec.id, grace=0)
        assert await stranger.wait() == -signal.SIGKILL
        assert not (base / spec.id).exists()
        spec = await cloud.boot("", "next")
        assert (given / "elsewhere" / spec.id).is_dir()
        await cloud.machines.stop(spec.id, grace=0)
        confinement.clear(cloud.home)
        assert [each.name for each in given.iterdir() if each.is_dir()] == []


@in_cloud
async def test_instance_that_cannot_have_a_group_does_without(cloud: Cloud) -> None:
    with given_group() as given:
        await confined(cloud, base := given / NAME)
        (given / "cgroup.max.descendants").write_text("1", encoding="ascii")
        spec = await cloud.boot()
        assert cloud.view(spec).state == "running"
        assert not (base / spec.id).exists()
        told = cloud.machines.surroundings()["control_groups"]
        assert "; the last instance got none: " in told
        assert told.endswith("; 1 of 1 have none until they are started again")
        await until(lambda: cloud.view(spec).cpu_seconds > 0)


@pytest.mark.parametrize("value", ["none", "1"])
def test_wish_that_is_none_is_refused_with_those_that_are(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(confinement.OPTION, value)
    with pytest.raises(
        ValueError, match=f'^LOCALCLOUD_CONTROL_GROUPS={value}: must be "always" or "never"; unset, '
    ):
        confinement.wish()
