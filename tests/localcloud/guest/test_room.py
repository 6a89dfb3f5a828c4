"""This machine's limits are used as far as they go, and whoever is beyond them is told which, how far, and what mends it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from localcloud import kernel_counts
from localcloud.guest.boot import BootError
from localcloud.guest.room import Room
from tests.localcloud.guest.cloud import Cloud, in_cloud

if TYPE_CHECKING:
    from pathlib import Path


def test_soft_limit_of_open_files_is_raised_to_the_hard_one() -> None:
    program = (
        "import resource; from localcloud.open_files import raise_limit\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 256))\n"
        "print(raise_limit(), resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "256 (256, 256)\n"


@pytest.mark.parametrize(
    ("open_files", "machines"), [(256, 0), (1024, 16), (4096, 112), (20_000, 609), (1 << 20, 32_752)]
)
def test_room_is_what_open_files_allow(open_files: int, machines: int) -> None:
    room = Room(open_files=open_files)
    assert room.machines == machines
    assert room.machines * 16 + room.connections <= open_files
    assert f"{machines:,} instances at once" in room.describe()
    assert ("raise the hard limit" in room.describe()) == (machines == 0)


@pytest.mark.kernel
@in_cloud
async def test_instance_that_there_is_no_room_for_is_refused_and_costs_the_others_nothing(
    cloud: Cloud,
) -> None:
    cloud.machines._room = Room(open_files=544)
    first = await cloud.boot("", "first")
    with pytest.raises(BootError) as refused:
        await cloud.boot("", "second")
    assert str(refused.value).startswith(
        "instance second did not boot: the daemon may have 544 open files (RLIMIT_NOFILE), which is room for 1 instances at 16 each"
    )
    assert "ulimit -Hn" in str(refused.value)
    assert await cloud.said(first, "echo fine") == "fine\n"
    assert set(cloud.machines.observe()) == {first.id}
    await cloud.machines.stop(first.id, grace=0)
    await cloud.boot("", "third")


def test_all_instances_have_half_of_what_the_kernel_counts_and_each_a_quarter_of_that(tmp_path: Path) -> None:
    for folder, name, value in (
        ("user", "max_inotify_instances", 1000),
        ("fs/inotify", "max_user_instances", 128),  # the host's, which a namespace of the user's may not show
        ("user", "max_inotify_watches", 1 << 30),
        ("user", "max_fanotify_groups", 2),
    ):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / name).write_text(f"{value}\n", encoding="ascii")
    user = kernel_counts.of_user(tmp_path)
    assert user == {"inotify_instances": 128, "inotify_watches": 1 << 30, "fanotify_groups": 2}
    assert kernel_counts.of_all(user) == {
        "inotify_instances": 64,
        "inotify_watches": 1 << 29,
        "fanotify_groups": 1,
    }
    assert kernel_counts.of_each(user) == {
        "inotify_instances": 16,
        "inotify_watches": 65_536,
        "fanotify_groups": 1,
    }


_TAKE = """
import ctypes, os
libc, x86 = ctypes.CDLL(None), os.uname().machine == "x86_64"
for number, flags in ((294 if x86 else 26, 0), (300 if x86 else 262, 0x200)):  # fanotify: FAN_REPORT_FID, which needs no privileges
    taken = 0
    while taken < 1000 and libc.syscall(number, flags, 0) >= 0:
        taken += 1
    print(taken)
try:
    open("/proc/sys/user/max_inotify_instances", "w").write("1000")
except OSError:
    print("not to be raised")
"""
_LOOK = """
import sys
from localcloud import kernel_counts
from localcloud.dataplane.namespaces import CLONE_NEWUSER, enter
enter(int(sys.argv[1]), {"user": CLONE_NEWUSER})
print(kernel_counts.of_user())
"""


@pytest.mark.kernel
@in_cloud
async def test_no_instance_takes_all_that_the_kernel_counts_nor_do_all_of_them(cloud: Cloud) -> None:
    user = kernel_counts.of_user()
    most = kernel_counts.of_each(user)
    villain = await cloud.boot("", "villain")
    done = await cloud.machines.exec(villain.id, ["/usr/bin/python3", "-c", _TAKE])
    inotify, fanotify, raised = done.stdout.decode().splitlines()
    # the user's other programs may have some, too, and an old kernel has no fanotify for who has no privileges
    assert 0 <= int(inotify) <= most["inotify_instances"]
    assert 0 <= int(fanotify) <= most["fanotify_groups"]
    assert raised == "not to be raised"
    look = [sys.executable, "-c", _LOOK, str(cloud.world.holder_pid)]
    world = await asyncio.to_thread(subprocess.run, look, capture_output=True, text=True, check=True)
    assert world.stdout == f"{kernel_counts.of_all(user)}\n", "the other half is the user's own"
