"""Where a cloud's instances have control groups of their own: what this user was given is divided, as the kernel wants it.

A group that has others below it cannot have processes beside them once controllers are handed on ("no internal processes"). So the
daemon first steps aside, and all that it starts is born where it is then:

    GIVEN/                      whose files are this user's: a scope with Delegate=yes, or what somebody gave away
    GIVEN/mig-nlb-<cloud>/      this cloud's; controllers are handed on here, and in GIVEN
        processes/              the daemon, its keeper, and the world with what works there
        <machine id>/           an instance: all of its processes, and nobody else's

Others' processes are left where they are. While some are in GIVEN it cannot be divided, and then instances do without.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.guest import control_groups
from localcloud.guest.control_groups import ControlGroups
from localcloud.guest.instance_group import InstanceGroup

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from localcloud.home import Home

OPTION = "LOCALCLOUD_CONTROL_GROUPS"
_log = logging.getLogger(__name__)
_ASIDE = "processes"
_FIRST = "10000"  # the greatest of weights: the cloud's own work goes before its instances'
_SHOWN = 3  # of others' processes
_NOTES = "groups"  # in `run/`: the groups that this cloud's daemons made, a line each


class Confinement:
    """The groups of one cloud. `controllers` are those that its instances are held by."""

    def __init__(self, home: Home, base: Path, *, bare: bool) -> None:
        """Make this cloud's own group, if it is not there, and write down that it is this cloud's.

        `bare`: whether instances get groups that no controller holds, too. Raises OSError if this user may not.
        """
        self._home, self._base, self._bare = home, base, bare
        self._failed = ""
        self.controllers: tuple[str, ...] = ()
        if base not in _noted(home):
            with (home.run / _NOTES).open("a", encoding="utf-8") as file:
                file.write(f"{base}\n")
        base.mkdir(exist_ok=True)

    @classmethod
    def begin(cls, home: Home) -> Confinement | None:
        """Step aside with this process, and divide what it was given; None if that was nothing, or nothing that holds anybody.

        Raises:
            ValueError: LOCALCLOUD_CONTROL_GROUPS is none of its values.
        """
        option = wish()
        own = ControlGroups.find().own
        if own is None or option == "never":
            return None
        name = f"mig-nlb-{hashlib.sha256(str(home.path).encode()).hexdigest()[:12]}"
        base = own.parent if (own.name, own.parent.name) == (_ASIDE, name) else own / name
        if not control_groups.offered(base.parent) and option != "always":
            return None
        try:
            found = cls(home, base, bare=option == "always")
            found._step_aside()
        except OSError as error:
            _log.warning("%s cannot be divided: %s", base.parent, error)
            return None
        return found

    def _step_aside(self) -> None:
        aside = self._base / _ASIDE
        aside.mkdir(exist_ok=True)
        (aside / "cgroup.procs").write_text("0", encoding="ascii")
        self._hand_on()
        if "cpu" in self.controllers:
            (aside / "cpu.weight").write_text(_FIRST, encoding="ascii")

    def _hand_on(self) -> None:
        """Have the groups below have what they may have. Where somebody else's process is in the way, that may change."""
        for name in control_groups.offered(self._base.parent):
            if name in self.controllers:
                continue
            try:
                for group in (self._base.parent, self._base):
                    (group / "cgroup.subtree_control").write_text(f"+{name}", encoding="ascii")
            except OSError as error:
                _log.debug("%s is not handed on: %s", name, error)
        handed_on = (self._base / "cgroup.subtree_control").read_text(encoding="ascii").split()
        self.controllers = tuple(name for name in control_groups.WANTED if name in handed_on)

    def make(self, machine_id: str, limits: Mapping[str, str]) -> InstanceGroup | None:
        """Make the group of an instance that is about to boot; None if it has to do without."""
        try:
            self._hand_on()
            if not self.controllers and not self._bare:
                return None
            made = InstanceGroup.make(self._base / machine_id, limits)
        except OSError as error:
            self._failed = f"; the last instance got none: {error}"
            _log.warning("instance %s has no control group of its own: %s", machine_id, error)
            return None
        self._failed = ""
        return made

    def remove_others(self, known: frozenset[str]) -> None:
        """End every instance's group that is not of these machines: somebody was killed in the midst of making or removing one."""
        for base in _noted(self._home):
            for group in _groups(base):
                if group.name not in known:
                    _end(group)

    def describe(self) -> str:
        """Return one line for people: what holds instances that boot now."""
        if self.controllers:
            return f"each instance has one of its own below {self._base}, with {', '.join(self.controllers)}{self._failed}"
        if self._bare:
            return f"each instance has one of its own below {self._base}, which holds it to nothing{self._failed}"
        others = ", ".join(_names(self._base.parent))
        return (
            f"{self._base.parent} is this user's, and cannot be divided while there are processes in it that are not the cloud's"
            f"{others and f' ({others})'}; start the cloud in a group of its own{self._failed}"
        )


def wish() -> str:
    """Return what `LOCALCLOUD_CONTROL_GROUPS` asks for: "always", "never", or "" for groups where they hold somebody.

    Raises:
        ValueError: it is something else.
    """
    found = os.environ.get(OPTION, "")
    if found not in {"", "always", "never"}:
        msg = f'{OPTION}={found}: must be "always" or "never"; unset, instances have control groups where the kernel holds them by those'
        raise ValueError(msg)
    return found


def clear(home: Home) -> None:
    """Remove the groups of a cloud that has ended. Those that hold the caller, or somebody else, stay, and are noted still."""
    stay = []
    for base in _noted(home):
        for group in _groups(base):
            _end(group)
        aside = base / _ASIDE
        if str(os.getpid()) in _members(aside):
            stay.append(base)
            continue
        try:
            for group in (aside, base):
                InstanceGroup(group).let_go()
        except OSError as error:
            _log.warning("%s stays: %s", base, error)
            stay.append(base)
    if not stay:
        (home.run / _NOTES).unlink(missing_ok=True)


def _end(group: Path) -> None:
    """End an instance's group; one that stays, for what the kernel holds its processes with, is ended another time."""
    try:
        InstanceGroup(group).remove()
    except OSError as error:
        _log.warning("%s stays: %s", group, error)


def _noted(home: Home) -> list[Path]:
    try:
        lines = (home.run / _NOTES).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [Path(line) for line in lines if line.startswith("/")]


def _members(group: Path) -> list[str]:
    """Return the numbers of a group's processes."""
    try:
        return (group / "cgroup.procs").read_text(encoding="ascii").split()
    except OSError:
        return []


def _names(group: Path) -> Iterator[str]:
    """Yield some of a group's processes, for people."""
    for pid in _members(group)[:_SHOWN]:
        with contextlib.suppress(OSError):
            name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
            yield f"{name} {pid}"


def _groups(base: Path) -> Iterator[Path]:
    """Yield the groups of instances."""
    if base.is_dir():
        yield from sorted(each for each in base.iterdir() if each.is_dir() and each.name.isdigit())
