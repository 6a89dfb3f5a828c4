"""What systemctl does with the files of units alone: masking them, linking to those that lie elsewhere, undoing what was changed."""

from __future__ import annotations

import os
import shutil
import sys

from .. import unitfile
from ..enabling import FOLDER
from . import client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def linked(name: str) -> str:
    """Return the name of the unit whose file this is, having linked to it where units are looked for; other names as they are.

    Raises:
        UnitError: there is no such file.
    """
    if "/" not in name:
        return name
    path = os.path.abspath(name)
    unit = os.path.basename(path)
    if not os.path.isfile(path) or not unit.endswith(unitfile.SUFFIXES):
        msg = f"Failed to link unit: File {path}: No such file or directory"
        raise unitfile.UnitError(msg)
    if unitfile.find(unit) is None:
        link = f"{FOLDER}/{unit}"
        os.symlink(path, link)
        print(f"Created symlink {link} → {path}.", file=sys.stderr)
    return unit


def _link(names: list[str]) -> int:
    try:
        for name in names:
            linked(name)
    except unitfile.UnitError as error:
        print(error, file=sys.stderr)
        return 1
    return _reloaded()


def _mask(names: list[str]) -> int:
    for name in map(unitfile.unit_name, names):
        link = f"{FOLDER}/{name}"
        if os.path.isfile(link) and not os.path.islink(link):
            print(f"Failed to mask unit: File {link} already exists.", file=sys.stderr)
            return 1
        if os.path.islink(link) and os.readlink(link) != "/dev/null":
            os.unlink(link)
        if not os.path.lexists(link):
            os.symlink("/dev/null", link)
            print(f"Created symlink {link} → /dev/null.", file=sys.stderr)
    return _reloaded()


def _unmask(names: list[str]) -> int:
    for name in map(unitfile.unit_name, names):
        link = f"{FOLDER}/{name}"
        if os.path.islink(link) and os.readlink(link) == "/dev/null":
            os.unlink(link)
            print(f"Removed {link}.", file=sys.stderr)
    return _reloaded()


def _revert(names: list[str]) -> int:
    """Remove the drop-ins of a unit, and its file where there is another one that it stood in front of."""
    for name in map(unitfile.unit_name, names):
        folder, file = f"{FOLDER}/{name}.d", f"{FOLDER}/{name}"
        if os.path.isdir(folder):
            shutil.rmtree(folder)
            print(f"Removed {folder}.", file=sys.stderr)
        others = [path for path in unitfile.PATHS if path != FOLDER and os.path.exists(f"{path}/{name}")]
        if others and os.path.lexists(file):
            os.unlink(file)
            print(f"Removed {file}.", file=sys.stderr)
    return _reloaded()


def _reloaded() -> int:
    client.ask("daemon-reload")
    return 0


VERBS: dict[str, Callable[[list[str]], int]] = {
    "link": _link,
    "mask": _mask,
    "unmask": _unmask,
    "revert": _revert,
}
