"""The control group (cgroup v2) of one instance: its limits, what it has used, and the end of all that is in it.

https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

from __future__ import annotations

import errno
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_MICROSECONDS = 10_000  # of CPU time that count as some: what /proc tells too, or none would ever be idle
# Real seconds that processes may take to be gone: killed ones, and such as are about to end.
_PATIENCE, _BRIEFLY = 30.0, 2.0
_LOOK_EVERY = 0.005


class InstanceGroup:
    """One group, which a folder stands for. The process that is to be in it enters by itself, before it becomes the instance."""

    def __init__(self, path: Path) -> None:
        """Take a group that is there, or may be; what has happened in it is known already."""
        self.path = path
        self._killed = self._killed_by_the_kernel()

    @classmethod
    def make(cls, path: Path, limits: Mapping[str, str]) -> InstanceGroup:
        """Make a group with these limits, by file; files of controllers that it does not have are passed over.

        One of that name that was left over is ended first. Raises OSError if this user may not, or may have no more.
        """
        cls(path).remove()
        path.mkdir()
        for name, value in limits.items():
            if (path / name).exists():
                (path / name).write_text(value, encoding="ascii")
        return cls(path)

    def holds(self, controller: str) -> bool:
        """Whether a controller ("memory") holds it."""
        return controller in self._read("cgroup.controllers").split()

    def cpu_seconds(self) -> float | None:
        """Return the CPU time used in it, by processes that are gone too; None if it is not there."""
        used = _fields(self._read("cpu.stat")).get("usage_usec")
        return None if used is None else used // _MICROSECONDS * _MICROSECONDS / 1e6

    def killed(self) -> int:
        """Return how many of its processes the kernel has killed for want of memory since this was asked last."""
        total = self._killed_by_the_kernel()
        found, self._killed = max(0, total - self._killed), max(total, self._killed)
        return found

    def kill(self) -> None:
        """Kill every process in it, at once; kernels before 5.14 do not know how, and there nothing happens."""
        try:
            (self.path / "cgroup.kill").write_text("1", encoding="ascii")
        except FileNotFoundError:
            return

    def remove(self) -> None:
        """Kill what is in it, wait until that is gone, and remove it; harmless where nothing is left.

        Raises OSError if it does not go.
        """
        self._remove(_PATIENCE, self.kill)

    def let_go(self) -> None:
        """Remove it once its processes, which are about to end, are gone; harmless where nothing is left. Raises OSError if they stay."""
        self._remove(_BRIEFLY, lambda: None)

    def _remove(self, patience: float, before: Callable[[], None]) -> None:
        until = time.monotonic() + patience
        while True:
            before()
            try:
                self.path.rmdir()
            except FileNotFoundError:
                return
            except OSError as error:
                if error.errno != errno.EBUSY or time.monotonic() > until:
                    raise
                time.sleep(_LOOK_EVERY)  # nobody tells whoever has a folder to remove
            else:
                return

    def _killed_by_the_kernel(self) -> int:
        return _fields(self._read("memory.events")).get("oom_kill", 0)

    def _read(self, name: str) -> str:
        try:
            return (self.path / name).read_text(encoding="ascii")
        except OSError:
            return ""


def _fields(text: str) -> dict[str, int]:
    """Return what a file of lines "name number" says."""
    return {name: int(value) for name, _, value in (line.partition(" ") for line in text.splitlines())}
