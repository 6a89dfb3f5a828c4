"""Deaths of a cloud whose instances have control groups of their own: the next daemon finds the groups, and none is left at the end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from localcloud.daemon import launch
from localcloud.guest.confinement import OPTION
from localcloud.guest.record import Record
from tests.localcloud.crash import victims
from tests.localcloud.crash.cloud import GROUPS, crash_cloud
from tests.localcloud.guest.given_group import given_group

if TYPE_CHECKING:
    from pathlib import Path

    from tests.localcloud.crash.cloud import CrashCloud

pytestmark = pytest.mark.kernel


def inside(group: Path) -> list[str]:
    """Return what begins a command that is to be executed in a control group."""
    return ["/bin/sh", "-c", f'echo 0 > {group}/cgroup.procs && exec "$@"', "sh"]


def held(group: Path) -> set[int]:
    """Return the processes in a group."""
    return {int(pid) for pid in (group / "cgroup.procs").read_text(encoding="ascii").split()}


def below(group: Path) -> list[str]:
    """Return the groups in a group."""
    return sorted(each.name for each in group.iterdir() if each.is_dir())


async def links(cloud: CrashCloud) -> list[str]:
    """Return all instances, as the API wants to hear of them."""
    return [f"zones/{each['zone']}/instances/{each['name']}" for each in await cloud.members("web")]


async def inits(cloud: CrashCloud, count: int) -> dict[str, int]:
    """Return the init of each instance, by its id, when so many run."""

    async def wanted() -> dict[str, int] | None:
        found = await cloud.members("web")
        if [each["status"] for each in found] != ["RUNNING"] * count:
            return None
        noted = {each["id"]: Record.read(cloud.home.instance(each["id"])) for each in found}
        return {key: record.init.pid for key, record in noted.items() if record is not None}

    found: dict[str, int] = await cloud.until(f"{count} instances run", wanted)
    return found


def test_groups_outlive_the_daemon_and_its_keeper_and_not_the_cloud() -> None:
    async def story(given: Path, other: Path) -> None:
        async with crash_cloud(inside(given), {OPTION: "always"}) as cloud:
            await cloud.build()
            await cloud.group("web", 1)
            ((machine_id, init),) = (await inits(cloud, 1)).items()
            (base,) = [given / name for name in below(given)]
            assert below(base) == sorted([machine_id, "processes"])
            assert held(given) == held(base) == set()
            there = victims.census(cloud.home)
            kept = {*there["daemon"], *there["keeper"], *there["holder"], *there["door"]}
            assert len(kept) == 4
            assert kept <= held(base / "processes")
            assert init in held(base / machine_id)
            # Its keeper starts another, which is born where it has to be.
            await victims.kill(there["daemon"])
            assert await cloud.adopted() in held(base / "processes")
            assert await inits(cloud, 1) == {machine_id: init}
            # Somebody starts another from elsewhere: there are two places now.
            there = victims.census(cloud.home)
            await victims.kill([*there["keeper"], *there["daemon"]])
            await cloud.command("start", before=inside(other))
            daemon = await cloud.adopted()
            (second,) = [other / name for name in below(other)]
            assert daemon in held(second / "processes")
            await cloud.call("POST", f"{GROUPS}/web/resize?size=2")
            both = await inits(cloud, 2)
            assert both.pop(machine_id) == init
            assert init in held(base / machine_id)
            ((new_id, new),) = both.items()
            assert new in held(second / new_id)
            await cloud.call("POST", f"{GROUPS}/web/deleteInstances", {"instances": await links(cloud)})
            await cloud.until(
                "no group of an instance", lambda: below(base) == below(second) == ["processes"]
            )
        assert launch.running(cloud.home) is None
        assert below(given) == below(other) == []

    with given_group() as given, given_group() as other:
        asyncio.run(story(given, other))
