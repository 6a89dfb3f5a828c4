"""The service manager (systemd) that can give a user a control group: asked for a scope, and only where that lasts.

A login session's own group is nobody's to divide. What a user's manager runs has one below a group that is the user's, and a scope with
`Delegate=yes` leaves all that is below it to whoever is in it (systemd.resource-control(5), "Control Group Delegation"). The manager ends
with the user's last session, though, and what it runs with it, unless the user lingers (loginctl(1)); and the cloud outlives the shell
that it was started from. So it is asked where the user lingers, or sits at a desktop.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.guest.confinement import OPTION, wish
from localcloud.guest.control_groups import ControlGroups

if TYPE_CHECKING:
    from collections.abc import Mapping

_BOOTED = "run/systemd/system"  # sd_booted(3)
_LINGER = "var/lib/systemd/linger"
_DESKTOPS = frozenset({"x11", "wayland"})  # pam_systemd(8)


@dataclass(frozen=True, kw_only=True)
class ServiceManager:
    """Who serves this user. `lasting`: what it runs is there for as long as what a shell starts; `folder`: where its sockets are."""

    program: str
    user: bool
    lasting: bool
    folder: str

    @classmethod
    def find(
        cls, root: Path = Path("/"), environment: Mapping[str, str] = os.environ
    ) -> ServiceManager | None:
        """Look for it; None where this machine has none, or this user."""
        program = shutil.which("systemd-run", path=environment.get("PATH", os.defpath))
        if program is None or not (root / _BOOTED).is_dir():
            return None
        number = os.geteuid()
        if number == 0:
            return cls(program=program, user=False, lasting=True, folder="")
        folder = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{number}"
        if not any((root / folder[1:] / name).exists() for name in ("systemd/private", "bus")):
            return None
        try:
            lingers = (root / _LINGER / pwd.getpwuid(number).pw_name).exists()
        except KeyError:  # a number without a name
            lingers = False
        lasting = lingers or environment.get("XDG_SESSION_TYPE") in _DESKTOPS
        return cls(program=program, user=True, lasting=lasting, folder=folder)

    def scope(self) -> tuple[str, ...]:
        """Return what is to be put before a command, for it to run in a scope of its own; it is the same process."""
        return (
            self.program,
            *(["--user"] if self.user else []),
            "--scope",
            "--quiet",
            "--collect",
            f"--unit=localcloud-{secrets.token_hex(6)}",
            "--property=Delegate=yes",
            "--property=TasksMax=infinity",  # or all instances together get what one service does
            "--",
        )

    def environment(self) -> dict[str, str]:
        """Return what that command has to find in its environment."""
        return {"XDG_RUNTIME_DIR": self.folder} if self.user else {}


def asked() -> ServiceManager | None:
    """Return whom to ask for a scope for this user's cloud; None: nobody.

    Raises:
        ValueError: LOCALCLOUD_CONTROL_GROUPS is none of its values.
    """
    option = wish()
    found = None if option == "never" else ServiceManager.find()
    return found if found is not None and (found.lasting or option == "always") else None


def without_groups() -> str:
    """Return one line for people: why instances have no control groups of their own."""
    found = ControlGroups.find()
    said = found.describe()
    if wish() == "never":
        return f"none, by {OPTION}=never; {said}"
    manager = ServiceManager.find()
    if manager is None or found.own is not None:
        return said
    if not manager.lasting:
        return (
            "none, as those that your service manager gives end with your last session, and the cloud with them; to have them, run "
            f"`loginctl enable-linger` and start the cloud anew, or start it with {OPTION}=always"
        )
    return f"{said}; a cloud that is started anew gets one from the service manager, unless logs/daemon.log says why not"
