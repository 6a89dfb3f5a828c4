"""The user that machines run as: the daemon's own, unless that is the host's root.

The kernel holds no number of processes against the host's root, and files and devices are root's for the asking of mode bits. So a
world that root makes has a second user, somebody whom nobody else on the host is, and the machines are that one's. An ordinary user's
world cannot have a second user, and needs none.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud import kernel_counts
from localcloud.dataplane.namespaces import (
    CLONE_NEWUSER,
    bind,
    drop_capabilities,
    mount_memory,
    no_new_privileges,
    unshare,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

MACHINE_USER = 1  # in the world
# On the host: from the range that no distribution gives to anybody (systemd's list of user and group ids).
_PREFERRED = 1_900_000_000
SHELF = Path("/mnt")  # in a machine's first mount namespace; what it is shown of the host stands here


def host_user(uid_map: Path = Path("/proc/self/uid_map")) -> int | None:
    """Return the host's number for the machines' user, as this process counts; None if it has nobody to offer but root."""
    offered = None
    for line in uid_map.read_text(encoding="ascii").splitlines():
        first, _, count = map(int, line.split())
        if first <= _PREFERRED < first + count:
            return _PREFERRED
        offered = first + count - 1
    return offered or None


def of_world(pid: int) -> int | None:
    """Return the host's number for the machines' user of the world that this process is in; None if it is the daemon's own user."""
    try:
        lines = Path(f"/proc/{pid}/uid_map").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        inside, outside, _ = map(int, line.split())
        if inside == MACHINE_USER:
            return outside
    return None


def become(folders: Mapping[str, str]) -> None:
    """Turn this process, which is the world's root in a mount namespace of its own, into the machines' user.

    That one may not go where the cloud's folders are, so each of `folders` (name -> path) is put on `SHELF` first.
    """
    mount_memory(SHELF)
    for name, path in folders.items():
        (SHELF / name).mkdir(mode=0o755)
        bind(Path(path), SHELF / name)
    SHELF.chmod(0o755)
    os.setgroups([])
    os.setresgid(MACHINE_USER, MACHINE_USER, MACHINE_USER)
    os.setresuid(MACHINE_USER, MACHINE_USER, MACHINE_USER)  # and with the user go all capabilities
    no_new_privileges()
    _make_dumpable()


def confine(counts: Mapping[str, int]) -> None:
    """Put this process into a user namespace of its own, with the same user, that may have only so much of what the kernel counts.

    In it the process is powerless over its link: that belongs to the namespace above. What it executes could raise the limits again,
    unless it makes another namespace for those it runs, as bubblewrap does.
    """
    user, group = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER)
    for name, content in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(content, encoding="ascii")
    kernel_counts.put_in_force(counts)
    drop_capabilities()


def _make_dumpable() -> None:
    """Own one's /proc/self again, which a change of user takes away: sandboxes write their maps there."""
    ctypes.CDLL(None, use_errno=True).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE


def map_users(pid: int, user: int, group: int, other: int | None) -> None:
    """Give a process that has just made its user namespace its users: its maker as root, and maybe another."""
    setgroups = Path(f"/proc/{pid}/setgroups")
    for kind, maker in (("uid", user), ("gid", group)):
        lines = [f"0 {maker} 1"]
        if other is not None:
            lines.append(f"{MACHINE_USER} {other} 1")
        elif kind == "gid":
            setgroups.write_text(
                "deny", encoding="ascii"
            )  # what the kernel wants of makers without privileges
        Path(f"/proc/{pid}/{kind}_map").write_text("\n".join(lines) + "\n", encoding="ascii")
