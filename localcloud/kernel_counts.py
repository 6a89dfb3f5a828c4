"""What the kernel counts of a user across all namespaces, and how much of it instances may take.

Whatever namespaces they are in, inotify and fanotify objects count against the user whose namespaces these are, up to a number that is
often as low as 128: one instance could take them all from the user's own programs, and from all other instances. A user namespace can
have lower limits of its own (namespaces(7), /proc/sys/user). So all instances of a cloud together have half of what the user has, and
each of them a quarter of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SYSCTL = Path("/proc/sys")


@dataclass(frozen=True)
class Counted:
    """One kind: its setting for users of the host (sysctl), and the most for one instance, however much there is."""

    setting: str
    most: int


# By what it is called in /proc/sys/user, with max_ before it. One instance has what a small virtual machine's user has, at most.
COUNTED: Mapping[str, Counted] = {
    "inotify_instances": Counted("fs.inotify.max_user_instances", 128),
    "inotify_watches": Counted("fs.inotify.max_user_watches", 65_536),
    "fanotify_groups": Counted("fs.fanotify.max_user_groups", 128),
    "fanotify_marks": Counted("fs.fanotify.max_user_marks", 65_536),
}


def of_user(sysctl: Path = _SYSCTL) -> dict[str, int]:
    """Return what this process's user may have of each, on the host and in this namespace; what the kernel does not count is left out."""
    found = {}
    for name, counted in COUNTED.items():
        own = _number(sysctl / "user" / f"max_{name}")
        if own is not None:
            host = _number(sysctl.joinpath(*counted.setting.split(".")))
            found[name] = own if host is None else min(own, host)
    return found


def of_all(user: Mapping[str, int]) -> dict[str, int]:
    """Return what all instances of a cloud may have together, of what their user may have."""
    return {name: most // 2 for name, most in user.items()}


def of_each(user: Mapping[str, int]) -> dict[str, int]:
    """Return what one instance may have, of what its user may have."""
    return {name: min(COUNTED[name].most, max(1, most // 4)) for name, most in of_all(user).items()}


def describe() -> str:
    """Return a few words for people: what is scarce mostly, how much of it there is, and what decides that."""
    user = of_user()
    name = "inotify_instances"
    if name not in user:
        return "this kernel does not count inotify instances"
    together, each = of_all(user)[name], of_each(user)[name]
    return f"{together} inotify instances for all of them, {each} at most for one (half of {COUNTED[name].setting}, {user[name]})"


def put_in_force(most: Mapping[str, int], sysctl: Path = _SYSCTL) -> None:
    """Let whoever is in this process's user namespace, and in those below it, have so much of each. Raises OSError."""
    for name, number in most.items():
        (sysctl / "user" / f"max_{name}").write_text(str(number), encoding="ascii")


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
