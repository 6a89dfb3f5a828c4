"""What is said of the kernel's control groups is what the kernel says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.guest.control_groups import ControlGroups
from tests.localcloud.guest.given_group import FILES, given_group

NOBODY = 65534
OTHERS = "31 1 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n32 31 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"


def process(
    folder: Path, *, root: str = "/", group: str = "/user.slice/a.scope", mounted: bool = True
) -> Path:
    """Make what /proc says of a process whose cgroup v2 hierarchy is mounted in a folder with a blank in its name."""
    place = str(folder / "of groups").replace(" ", "\\040")
    mount = f"41 31 0:38 {root} {place} rw,relatime shared:9 - cgroup2 cgroup2 rw\n" if mounted else ""
    (folder / "mountinfo").write_text(OTHERS + mount, encoding="ascii")
    (folder / "cgroup").write_text(f"4:memory:/elsewhere\n1:name=systemd:/\n0::{group}\n", encoding="ascii")
    return folder


def make_group(folder: Path, controllers: str, *, given: bool = True) -> Path:
    """Make a group's files; those that delegation gives away are missing where it is not given."""
    folder.mkdir(parents=True)
    (folder / "cgroup.controllers").write_text(f"{controllers}\n", encoding="ascii")
    for name in ("cgroup.procs", "cgroup.subtree_control") if given else ():
        (folder / name).touch()
    return folder


def test_machine_without_the_hierarchy_has_no_groups(tmp_path: Path) -> None:
    found = ControlGroups.find(process(tmp_path, mounted=False))
    assert found == ControlGroups(hierarchy=None, own=None, controllers=())
    assert found.describe() == "this machine has no cgroup v2 hierarchy"


@pytest.mark.parametrize(("root", "below"), [("/", "user.slice/a.scope"), ("/user.slice", "a.scope")])
def test_group_that_is_this_users_is_found_with_its_controllers(
    tmp_path: Path, root: str, below: str
) -> None:
    hierarchy = tmp_path / "of groups"
    own = make_group(hierarchy / below, "cpuset cpu memory hugetlb pids")
    found = ControlGroups.find(process(tmp_path, root=root))
    assert found == ControlGroups(hierarchy=hierarchy, own=own, controllers=("cpu", "memory", "pids"))
    assert found.describe() == (
        f"{own} is this user's, with cpu, memory, pids; no instance was put into one of its own"
    )


def test_group_without_useful_controllers_is_said_to_be_of_no_use(tmp_path: Path) -> None:
    own = make_group(tmp_path / "of groups/user.slice/a.scope", "hugetlb")
    found = ControlGroups.find(process(tmp_path))
    assert (found.own, found.controllers) == (own, ())
    assert "none of cpu, memory, pids, io: there is nothing to hold instances with" in found.describe()


@pytest.mark.parametrize("group", ["/user.slice/a.scope", "/../../elsewhere"])
def test_group_that_is_not_this_users_is_not_counted_on(tmp_path: Path, group: str) -> None:
    hierarchy = make_group(tmp_path / "of groups", "cpu io", given=False)
    make_group(hierarchy / "user.slice/a.scope", "memory", given=False)
    found = ControlGroups.find(process(tmp_path, group=group))
    assert found == ControlGroups(hierarchy=hierarchy, own=None, controllers=("cpu", "io"))
    assert found.describe() == f"none is this user's to divide (cgroup v2 at {hierarchy}, with cpu, io)"


def test_this_process_is_found_where_the_kernel_has_it() -> None:
    found = ControlGroups.find()
    mounted = " - cgroup2 " in Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    assert (found.hierarchy is not None) == mounted
    if found.own is not None:
        members = (found.own / "cgroup.procs").read_text(encoding="ascii").split()
        assert str(os.getpid()) in members


@pytest.mark.kernel
def test_group_that_root_gives_away_is_anothers_to_divide() -> None:
    code = (
        "import os, sys; from localcloud.guest.control_groups import ControlGroups\n"
        "open(sys.argv[1] + '/cgroup.procs', 'w').write('0')\n"
        f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "found = ControlGroups.find(); print(found.own)\n"
        "if found.own: (found.own / 'below').mkdir(); (found.own / 'below').rmdir()\n"
    )

    with given_group() as given:

        def seen() -> str:
            argv = [sys.executable, "-c", code, str(given)]
            return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

        given.chmod(0o755)
        assert seen() == "None", "it is still root's"
        for name in FILES:
            os.chown(given / name, NOBODY, NOBODY)
        assert seen() == str(given)
