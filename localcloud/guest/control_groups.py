"""Which of the kernel's control groups (cgroup v2) this user may hold instances with: found out, and said, as it is.

Nothing here makes groups; `confinement` does. An ordinary user has some only where the system gave them away: a group whose files are that
user's, with the controllers that the group above it hands on (kernel documentation, "Control Group v2", "Delegation"). Root may write
everywhere: where systemd runs, root's are those that systemd says it gave away. Controllers that are mounted as cgroup v1 are not to be
had in v2.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

WANTED = ("cpu", "memory", "pids", "io")
_SELF = Path("/proc/self")
# What whoever is given a group may write to; https://docs.kernel.org/admin-guide/cgroup-v2.html#model-of-delegation
_GIVEN = ("", "cgroup.procs", "cgroup.subtree_control")
_SYSTEMD = Path("/run/systemd/system")  # sd_booted(3)
_DELEGATED = ("user.delegate", "trusted.delegate")  # how systemd marks what it has given away
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, kw_only=True)
class ControlGroups:
    """What was found. `hierarchy`: where cgroup v2 is mounted, if it is; `own`: this process's group, if it is this user's to divide.

    `controllers` are those of `WANTED` that groups below `own` can have, or below the hierarchy's root where `own` is None.
    """

    hierarchy: Path | None
    own: Path | None
    controllers: tuple[str, ...]

    @classmethod
    def find(cls, process: Path = _SELF) -> ControlGroups:
        """Look for the group of a process (a folder of /proc)."""
        mount = _mount((process / "mountinfo").read_text(encoding="utf-8", errors="surrogateescape"))
        if mount is None:
            return cls(hierarchy=None, own=None, controllers=())
        root, hierarchy = mount
        path = _path((process / "cgroup").read_text(encoding="utf-8", errors="surrogateescape"), root)
        own = None if path is None else hierarchy / path
        if own is None or not all(os.access(own / name, os.W_OK) for name in _GIVEN) or _is_systemds(own):
            own = None
        return cls(hierarchy=hierarchy, own=own, controllers=offered(own or hierarchy))

    def describe(self) -> str:
        """Return one line for people: what there is, and that it holds nobody."""
        if self.hierarchy is None:
            return "this machine has no cgroup v2 hierarchy"
        named = ", ".join(self.controllers)
        if self.own is None:
            has = named or "none of " + ", ".join(WANTED)
            return f"none is this user's to divide (cgroup v2 at {self.hierarchy}, with {has})"
        if not named:
            return f"{self.own} is this user's, with none of {', '.join(WANTED)}: there is nothing to hold instances with"
        return f"{self.own} is this user's, with {named}; no instance was put into one of its own"


def _mount(table: str) -> tuple[str, Path] | None:
    """Return where the (first) cgroup v2 hierarchy is mounted, and which of its groups is seen there as the topmost."""
    for line in table.splitlines():
        fields, _, kind = line.partition(" - ")
        if kind.split(" ", 1)[0] == "cgroup2":
            root, place = (_ESCAPE.sub(_character, field) for field in fields.split(" ")[3:5])
            return root, Path(place)
    return None


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 8))


def _path(groups: str, root: str) -> Path | None:
    """Return a process's group relative to the topmost that is seen; None if it is not below that."""
    for line in groups.splitlines():
        number, names, path = line.split(":", 2)
        if number == "0" and not names:
            parts = Path(path)
            return parts.relative_to(root) if ".." not in parts.parts and parts.is_relative_to(root) else None
    return None


def _is_systemds(group: Path) -> bool:
    """Whether a group that root may write to is systemd's own to manage: https://systemd.io/CGROUP_DELEGATION."""
    if os.geteuid() != 0 or not _SYSTEMD.is_dir():
        return False
    for name in _DELEGATED:
        with contextlib.suppress(OSError):
            if os.getxattr(group, name) == b"1":
                return False
    return True


def offered(group: Path) -> tuple[str, ...]:
    """Return the controllers of `WANTED` that groups below this one can have."""
    try:
        found = (group / "cgroup.controllers").read_text(encoding="ascii").split()
    except OSError:
        return ()
    return tuple(name for name in WANTED if name in found)
