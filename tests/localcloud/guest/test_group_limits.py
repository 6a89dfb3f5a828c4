"""What an instance's control group holds it to follows from its machine type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localcloud.control.machine_types import allotment
from localcloud.guest.instance_group import InstanceGroup
from localcloud.guest.limits import Limits
from localcloud.plans.machine import MachineSpec
from localcloud.plans.network import NetworkInterface

if TYPE_CHECKING:
    from pathlib import Path


def spec(machine_type: str) -> MachineSpec:
    """Return an instance of this type."""
    allotted = allotment(machine_type)
    return MachineSpec(
        key="compute/projects/p/zones/z/instances/i",
        name="i",
        id="1",
        zone="z",
        interface=NetworkInterface(instance="i", network="n", subnetwork="s", address="10.0.0.2"),
        gateway="10.0.0.1",
        forwarded_addresses=(),
        memory_mib=allotted.memory_mib,
        vcpus=allotted.vcpus,
        burst_vcpus=allotted.burst_vcpus,
    )


@pytest.mark.parametrize(
    ("machine_type", "memory", "weight", "quota"),
    [
        ("f1-micro", 614 << 20, "20", "100000 100000"),
        ("e2-micro", 1 << 30, "25", "200000 100000"),
        ("e2-medium", 4 << 30, "100", "200000 100000"),
        ("n1-standard-1", 3840 << 20, "100", "100000 100000"),
        ("n2-standard-8", 32 << 30, "800", "800000 100000"),
        ("c3-standard-176", 704 << 30, "10000", "17600000 100000"),  # the kernel has no greater weight
    ],
)
def test_group_has_what_the_machine_type_is_allotted(
    machine_type: str, memory: int, weight: str, quota: str
) -> None:
    assert Limits(processes=77).of(spec(machine_type)) == {
        "memory.max": str(memory),
        "memory.swap.max": "0",
        "memory.oom.group": "0",
        "pids.max": "77",
        "cpu.weight": weight,
        "cpu.max": quota,
    }


def test_what_holds_instances_is_said_as_it_is() -> None:
    bare = Limits().describe(as_host_root=False, groups=())
    assert bare == (
        "held by the kernel: processes (4,096), open files and each process's memory; watched: the whole of an instance's memory and "
        "disk (10 GiB); counted, and not limited: CPU"
    )
    held = Limits().describe(as_host_root=True, groups=("cpu", "memory", "pids"))
    assert held == (
        "held by the kernel: processes (4,096), open files and each process's memory, the whole of an instance's memory, "
        "CPU (the vCPUs of its machine type); watched: disk (10 GiB)"
    )
    some = Limits().describe(as_host_root=True, groups=("memory",))
    assert "processes (4,096) not, as instances are the host's root here; watched: disk (10 GiB); " in some
    assert some.endswith("counted, and not limited: CPU")


def test_limits_whose_controllers_a_group_does_not_have_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "1"
    made = InstanceGroup.make(path, {"memory.max": "1"})
    assert list(path.iterdir()) == []
    assert (made.cpu_seconds(), made.killed(), made.holds("memory")) == (None, 0, False)
    # As the kernel's files say it.
    (path / "cpu.stat").write_text("usage_usec 1239999\nuser_usec 1\nsystem_usec 2\n", encoding="ascii")
    (path / "memory.events").write_text("low 0\nmax 9\noom 3\noom_kill 2\n", encoding="ascii")
    (path / "cgroup.controllers").write_text("memory pids\n", encoding="ascii")
    assert made.cpu_seconds() == 1.23
    assert (made.killed(), made.killed()) == (2, 0), "each is told of once"
    assert InstanceGroup(path).killed() == 0, "and not again by the next daemon"
    assert (made.holds("memory"), made.holds("cpu")) == (True, False)
