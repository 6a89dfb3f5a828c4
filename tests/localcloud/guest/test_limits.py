"""What an instance may take of this machine, and that its neighbours and the host do not notice when it wants more."""

from __future__ import annotations

import os
import resource

import pytest

from localcloud.guest import processes
from localcloud.guest.limits import Limits
from localcloud.guest.service_manager import without_groups
from tests.localcloud.guest.cloud import Cloud, in_cloud, until

pytestmark = pytest.mark.kernel

BOMB = "#!/bin/bash\nbomb() { bomb | bomb & }; bomb\n"
SMALL = Limits(processes=200, disk_bytes=64 << 20)


def serial(cloud: Cloud, machine_id: str) -> str:
    """Return what a machine wrote to its serial port."""
    return cloud.machines.serial_output(machine_id).decode(errors="replace")


def tree(cloud: Cloud, machine_id: str) -> dict[int, processes.Stat]:
    """Return all processes of a machine."""
    return processes.Snapshot().tree(cloud.machine(machine_id).record.init)


@in_cloud
async def test_limits_are_set_and_many_processes_die_with_their_instance(cloud: Cloud) -> None:
    spec = await cloud.boot()
    await cloud.settled(spec)
    limits = await cloud.said(spec, "ulimit -Hu; ulimit -Hn; ulimit -Hf; ulimit -Hd")
    files = min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    assert limits.split() == ["4096", str(files), str((10 << 30) // 1024), str(2048 * 1024)]
    told = cloud.machines.surroundings()
    assert told["control_groups"] == without_groups()
    assert "disk (10 GiB); counted, and not limited: CPU" in told["limits"]
    counted = os.geteuid() != 0 or cloud.world.machine_user is not None
    assert ("held by the kernel: processes (4,096)" in told["limits"]) == counted
    assert ("processes (4,096) not, as instances are the host's root here" in told["limits"]) != counted
    if cloud.world.machine_user is not None:
        owner = processes.user(cloud.view(spec).pid)
        assert owner == cloud.world.machine_user, "not the host's root, against whom no limit counts"
    await cloud.run(spec, "for i in $(seq 200); do sleep 1000 & done >/dev/null 2>&1 </dev/null")
    before = tree(cloud, spec.id)
    assert len(before) > 200
    await cloud.machines.stop(spec.id, grace=0)
    await until(
        lambda: not any(processes.ProcessId(pid, facts.started).alive() for pid, facts in before.items())
    )


@in_cloud
async def test_fork_bomb_reaches_its_limit_and_nobody_else(cloud: Cloud) -> None:
    await cloud.machines.release()
    cloud.machines = cloud.sandboxes(SMALL)
    neighbour = await cloud.boot("", "neighbour")
    villain = await cloud.boot(BOMB, "villain")
    await until(lambda: "Resource temporarily unavailable" in serial(cloud, villain.id))
    assert await cloud.said(neighbour, "(echo fine)") == "fine\n"
    await cloud.machines.hang(
        villain.id, 600
    )  # they are counted one by one: none may end and none begin meanwhile
    before = tree(cloud, villain.id)
    assert 100 < len(before) <= SMALL.processes
    await cloud.machines.stop(villain.id, grace=0)
    await until(
        lambda: not any(processes.ProcessId(pid, facts.started).alive() for pid, facts in before.items())
    )


@in_cloud
async def test_disk_that_is_full_takes_no_more_and_the_machine_goes_on(cloud: Cloud) -> None:
    await cloud.machines.release()
    cloud.machines = cloud.sandboxes(SMALL)
    neighbour = await cloud.boot("", "neighbour")
    # a script that fills its disk file by file until it may not, and says so
    fill = "#!/bin/bash\ni=0; while head -c 1M /dev/urandom > /var/fill-$i; do i=$((i+1)); [ $i -gt 64 ] && sleep 0.1; done; echo STOPPED\n"
    villain = await cloud.boot(fill, "villain")
    await until(lambda: "STOPPED" in serial(cloud, villain.id) or cloud.view(villain).state == "crashed")
    said = serial(cloud, villain.id)
    assert (
        f"No space left on device: {SMALL.disk_bytes} bytes are in use" in said
        or "the machine is ended" in said
    )
    assert await cloud.said(neighbour, "echo fine > /root/x && cat /root/x") == "fine\n"


@in_cloud
async def test_who_finds_a_way_around_a_full_disk_is_ended(cloud: Cloud) -> None:
    await cloud.machines.release()
    cloud.machines = cloud.sandboxes(SMALL)
    neighbour = await cloud.boot("", "neighbour")
    villain = await cloud.boot(
        "#!/bin/bash\nfor i in 1 2; do fallocate -l 60M /var/fill-$i; done\n", "villain"
    )
    await until(lambda: cloud.view(villain).state == "crashed")
    assert "the machine is ended" in serial(cloud, villain.id)
    assert cloud.view(neighbour).state == "running"


@in_cloud
async def test_full_disk_that_is_emptied_takes_bytes_again(cloud: Cloud) -> None:
    await cloud.machines.release()
    cloud.machines = cloud.sandboxes(Limits(disk_bytes=256 << 20))
    loop = "while :; do if echo x > /root/probe; then echo WROTE; else echo REFUSED; fi; sleep 0.05; done"
    spec = await cloud.boot(f"#!/bin/bash\n{loop}\n")
    await until(lambda: "WROTE" in serial(cloud, spec.id))
    await cloud.said(spec, "fallocate -l 130M /var/fill-1; fallocate -l 130M /var/fill-2")
    await until(lambda: "REFUSED" in serial(cloud, spec.id))
    assert "File too large" in serial(cloud, spec.id)
    refused = len(serial(cloud, spec.id))
    await cloud.said(spec, "rm /var/fill-1")
    await until(lambda: "WROTE" in serial(cloud, spec.id)[refused:])


@in_cloud
async def test_memory_beyond_the_machine_types_is_answered_by_killing_the_largest(cloud: Cloud) -> None:
    spec = await cloud.boot(memory_mib=192)
    await cloud.settled(spec)
    # two of them may not have together what each alone might
    eat = "import time; x = bytearray(b'x') * (120 << 20); time.sleep(600)"
    await cloud.run(spec, f'for i in 1 2; do /usr/bin/python3 -c "{eat}" & done >/dev/null 2>&1 </dev/null')
    await until(lambda: "Out of memory: Killed process" in serial(cloud, spec.id))
    assert cloud.view(spec).state == "running"
    # one went, when it has died; for the other there is room
    await cloud.said(spec, "until [ $(pgrep -fc ^/usr/bin/python3.*time.sleep.600) = 1 ]; do sleep 0.1; done")
