"""Chooses what the instances of a cloud run on, before its daemon starts: the host's /usr, or a root file system made for them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from localcloud.dataplane.machine_user import host_user
from localcloud.guest import root_system
from localcloud.guest.system import System, check_mirror, forget, has_overlays

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from localcloud.home import Home

NONE = "none"


def chosen(home: Home) -> System | None:
    """Return what instances of this cloud run on; None: the host's /usr."""
    return System.chosen(_shared(home))


def choose(home: Home, name: str | None, packages: str | None, progress: Callable[[str], None]) -> None:
    """Choose for instances that are made from now on; what is None stays as it was.

    `name` is a root file system's ("debian-12"), which is made if need be, or "none"; `packages` a Debian mirror's address, or "none".

    Raises:
        RootSystemError: there is none of this name, or it cannot be made.
        ValueError: the mirror's address is none, or there is nothing to install into.
    """
    before = chosen(home)
    if name is None and packages is None:
        return
    mirror = (before.packages if before else "") if packages is None else _mirror(packages)
    wanted = (before.name if before else NONE) if name is None else name
    if wanted == NONE:
        if packages not in {None, NONE}:
            msg = f"--packages {packages}: the host's /usr takes no packages; add --system {next(iter(root_system.SUITES))}"
            raise ValueError(msg)
        forget(_shared(home))
        return
    folder = root_system.ensure(wanted, _owner(), progress, mirror)
    home.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    System(name=wanted, folder=str(folder), overlay=has_overlays(folder, home.path), packages=mirror).choose(
        _shared(home)
    )


def check(home: Home, name: str | None, packages: str | None) -> None:
    """Refuse a choice that is not the one of the cloud that runs.

    Raises:
        ValueError: it is another.
    """
    now = chosen(home)
    runs = {"--system": now.name if now else NONE, "--packages": (now.packages if now else "") or NONE}
    asked = {
        "--system": name,
        "--packages": packages if packages in {None, NONE} else check_mirror(str(packages)),
    }
    for option, value in asked.items():
        if value not in {None, runs[option]}:
            msg = (
                f"{option} {value}: this cloud runs already, with {option} {runs[option]}; stop it first (localcloud stop), its state is "
                "kept"
            )
            raise ValueError(msg)


def _mirror(packages: str) -> str:
    return "" if packages == NONE else check_mirror(packages)


def _owner() -> int | None:
    """Return whose files instances' are, on the host; None: one's own."""
    return host_user() if os.geteuid() == 0 else None


def _shared(home: Home) -> Path:
    return home.path / "guest"
