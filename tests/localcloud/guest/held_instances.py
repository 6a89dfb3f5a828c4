"""Instances beyond what the kernel holds them to; run by `test_held_instances.py`, alone in a control group that can be divided."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localcloud.guest.confinement import Confinement
from localcloud.guest.limits import Limits
from localcloud.home import Home
from localcloud.plans.network import NetworkPlan
from tests.localcloud.guest.cloud import SUBNETWORK, Cloud, in_cloud, until

if TYPE_CHECKING:
    from localcloud.plans.machine import MachineSpec

EAT = "import time; x = bytearray(b'x') * (120 << 20); time.sleep(600)"
BOMB = "#!/bin/bash\nbomb() { bomb | bomb & }; bomb\n"
BURN = "while :; do :; done"


def _step_aside() -> Confinement | None:
    home = Home(Path(tempfile.mkdtemp(prefix="held-")))
    home.run.mkdir()
    return Confinement.begin(home)


# While this is collected, before the tests have any process beside this one: what is started later is born where this process is then.
PLACE = _step_aside()


def confinement(controller: str) -> Confinement:
    """Return where instances have groups that a controller holds."""
    if PLACE is None or controller not in PLACE.controllers:
        pytest.skip(f"no control group with {controller} can be had here")
    return PLACE


def fact(cloud: Cloud, spec: MachineSpec, file: str, name: str) -> int:
    """Return what a file of an instance's group says of something."""
    group = cloud.machine(spec.id).group
    assert group is not None
    lines = (group.path / file).read_text(encoding="ascii").splitlines()
    return int(dict(line.split() for line in lines)[name])


def test_memory_of_all_processes_together_is_held_and_the_neighbour_notices_nothing() -> None:
    place = confinement("memory")

    @in_cloud
    async def story(cloud: Cloud) -> None:
        cloud.machines = cloud.sandboxes(confinement=place)
        neighbour, spec = await cloud.boot("", "neighbour"), await cloud.boot("", "hungry", memory_mib=192)
        await cloud.settled(spec)
        # Each has what a process may have, and both together more than there is.
        many = f'for i in 1 2; do /usr/bin/python3 -c "{EAT}" & done >/dev/null 2>&1 </dev/null'
        await cloud.run(spec, many)
        await until(lambda: fact(cloud, spec, "memory.events", "oom_kill") > 0)
        await until(lambda: b"Out of memory: Killed process" in cloud.machines.serial_output(spec.id))
        assert cloud.view(spec).state == "running"
        assert fact(cloud, neighbour, "memory.events", "oom_kill") == 0
        assert cloud.view(neighbour).state == "running"
        told = cloud.machines.surroundings()
        assert (
            "held by the kernel: processes (4,096), open files and each process's memory, the whole of"
            in told["limits"]
        )
        assert "watched: disk (10 GiB)" in told["limits"]

    story()


def test_processes_are_held_by_the_group_also_where_the_user_is_not() -> None:
    place = confinement("pids")

    @in_cloud
    async def story(cloud: Cloud) -> None:
        cloud.machines = cloud.sandboxes(Limits(processes=100), place)
        neighbour, villain = await cloud.boot("", "neighbour"), await cloud.boot(BOMB, "villain")
        serial = cloud.machines.serial_output
        await until(lambda: b"Resource temporarily unavailable" in serial(villain.id))
        assert await cloud.said(neighbour, "(echo fine)") == "fine\n"
        assert fact(cloud, neighbour, "pids.events", "max") == 0
        await cloud.machines.stop(villain.id, grace=0)
        assert villain.id not in cloud.machines.observe()

    story()


def test_busy_instance_waits_for_its_turn() -> None:
    place = confinement("cpu")

    @in_cloud
    async def story(cloud: Cloud) -> None:
        cloud.machines = cloud.sandboxes(confinement=place)
        spec = replace(cloud.define("busy", {}), vcpus=0.25, burst_vcpus=0.5)
        await cloud.world.apply_network(NetworkPlan(subnetworks=(SUBNETWORK,), interfaces=(spec.interface,)))
        await cloud.machines.start(spec)
        await cloud.run(spec, f"({BURN}) >/dev/null 2>&1 </dev/null &")
        before = fact(cloud, spec, "cpu.stat", "nr_throttled")
        await until(lambda: fact(cloud, spec, "cpu.stat", "nr_throttled") >= before + 5)
        group = cloud.machine(spec.id).group
        assert group is not None
        assert (group.path / "cpu.max").read_text(encoding="ascii") == "50000 100000\n"
        assert (group.path / "cpu.weight").read_text(encoding="ascii") == "25\n"
        await cloud.machines.stop(spec.id, grace=0)
        assert not group.path.exists()

    story()
