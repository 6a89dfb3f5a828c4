"""A control group that these tests may divide, where the kernel's tree of them (cgroup v2) lets them have one."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localcloud.guest.control_groups import ControlGroups
from localcloud.guest.instance_group import InstanceGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

# What whoever is given a group has to own: https://docs.kernel.org/admin-guide/cgroup-v2.html#model-of-delegation
FILES = ("", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads")


@contextmanager
def given_group(owner: int | None = None) -> Iterator[Path]:
    """Make a group at the top of the tree, which may be given to a user; all that is in it ends with the block."""
    hierarchy = ControlGroups.find().hierarchy
    if os.geteuid() != 0 or hierarchy is None or not os.access(hierarchy, os.W_OK):
        pytest.skip("only the host's root can give control groups away, where cgroup v2 may be written to")
    try:
        given = Path(tempfile.mkdtemp(prefix="mig-nlb-", dir=hierarchy))
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        if owner is not None:
            given.chmod(0o755)
            for name in FILES:
                os.chown(given / name, owner, owner)
        yield given
    finally:
        for folder, _, _ in os.walk(given, topdown=False):
            InstanceGroup(Path(folder)).remove()
