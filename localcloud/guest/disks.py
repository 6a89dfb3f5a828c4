"""Disks that may outlive their instances: folders by the disks' own ids.

A boot disk is in its instance's folder for as long as that has it, and in one of its own in between; any other is always in its own. Both
are on one file system, so a boot disk changes places at once, or not at all.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from localcloud.plans.machine import MachineSpec

BOOT = "disk"  # in an instance's folder
_ID = re.compile(r"[0-9]{1,20}")


class Disks:
    """The disks below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, disk: str) -> Path:
        """Return where a disk is that is no instance's boot disk.

        Raises:
            ValueError: the id is no number.
        """
        if not _ID.fullmatch(disk):
            msg = f"disk id {disk!r}: must be a number"
            raise ValueError(msg)
        return self._root / disk

    def attach(self, spec: MachineSpec, instance: Path, owner: int | None) -> None:
        """Put a machine's boot disk into its folder if it was kept, and have its other disks. `owner`: whose a new one is."""
        if spec.boot_disk and not (instance / BOOT).exists():
            kept = self.folder(spec.boot_disk)
            if kept.exists():
                kept.rename(instance / BOOT)
        for disk in spec.disks:
            folder = self.folder(disk.id)
            folder.mkdir(parents=True, exist_ok=True, mode=0o755)
            if owner is not None and folder.stat().st_uid != owner:
                os.chown(folder, owner, owner)

    def detach(self, instance: Path, disk: str) -> None:
        """Take the boot disk out of an instance's folder; done already is done."""
        if (instance / BOOT).exists():
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            (instance / BOOT).rename(self.folder(disk))

    def remove(self, disk: str) -> None:
        """Delete what a disk holds."""
        shutil.rmtree(self.folder(disk), ignore_errors=True)

    def present(self) -> frozenset[str]:
        """Return the ids of all that are kept here."""
        return frozenset(path.name for path in self._root.iterdir()) if self._root.is_dir() else frozenset()
