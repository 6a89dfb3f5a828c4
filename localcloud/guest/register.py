"""The register of a cloud's machines: those that exist, by id, one operation on each at a time, and who hears of their changes."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from localcloud.guest.machine import Machine
    from localcloud.home import Home

_MACHINE_ID = re.compile(r"[0-9]{1,20}")


class Register:
    """The machines of one cloud that exist, whatever state they are in."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._locks: dict[str, asyncio.Lock] = {}
        self._changed: Callable[[str], None] = lambda _: None
        self.present: dict[str, Machine] = {}

    def machine(self, machine_id: str) -> Machine:
        """Return a machine.

        Raises:
            KeyError: there is none.
        """
        machine = self.present.get(machine_id)
        if machine is None:
            msg = f"machine {machine_id}: there is none with this id"
            raise KeyError(msg)
        return machine

    def folder(self, machine_id: str) -> Path:
        """Return a machine's folder, whether the machine exists or not.

        Raises:
            ValueError: no machine has such an id.
        """
        if not _MACHINE_ID.fullmatch(machine_id):
            msg = f"machine id {machine_id!r}: must be a number"
            raise ValueError(msg)
        return self._home.instance(machine_id)

    def folders(self) -> list[Path]:
        """Return the folders of all machines that have one."""
        root = self._home.path / "instances"
        return sorted(root.iterdir()) if root.is_dir() else []

    def lock(self, machine_id: str) -> asyncio.Lock:
        """Return what holds off other operations on a machine."""
        return self._locks.setdefault(machine_id, asyncio.Lock())

    def forget(self, machine_id: str) -> None:
        """Keep nothing more of a machine that is no longer present."""
        self._locks.pop(machine_id, None)

    def watch(self, changed: Callable[[str], None]) -> None:
        """Call `changed(machine id)` from now on whenever one is told of."""
        self._changed = changed

    def tell(self, machine_id: str) -> None:
        """Say that a machine's state changed, or that it is gone: later, when whoever changed it has finished with it."""
        asyncio.get_running_loop().call_soon(self._changed, machine_id)
