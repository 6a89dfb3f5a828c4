"""The helpers of a world, found by what the kernel shows of them: to end one that says nothing any more."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.dataplane.namespaces import namespace_inode

if TYPE_CHECKING:
    from collections.abc import Iterator

TRACED = "t"  # how the kernel calls the state of a process that a debugger holds


def called(role: str) -> str:
    """Return how a helper shows in lists of processes."""
    return f"cloud-{role}"


def helpers(holder: int, role: str, number: int | None = None) -> list[int]:
    """Return the helpers of this kind in the world of this holder (the host's numbering).

    `number`: the one that has this process id in the world's numbering; None: all of them.
    """
    world = namespace_inode(holder, "pid")
    return [
        pid
        for pid in (int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit())
        if world is not None and _is(pid, world, role) and number in {None, _number(pid)}
    ]


def end(holder: int, role: str, number: int | None = None) -> int:
    """Kill the helpers of this kind (see `helpers`) but those that a debugger holds; return how many."""
    world = namespace_inode(holder, "pid")
    count = 0
    for pid in helpers(holder, role, number):
        with _handle(pid) as handle:
            # by now the number might be another process's
            if handle is None or world is None or not _is(pid, world, role) or state(pid) == TRACED:
                continue
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                count += 1
    return count


def state(pid: int) -> str:
    """Return the state of a process as the kernel abbreviates it ("T": stopped, "t": held by a debugger); empty if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[0]


def _is(pid: int, world: int, role: str) -> bool:
    try:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return False
    return name == called(role) and namespace_inode(pid, "pid") == world


def _number(pid: int) -> int | None:
    """Return the number of a process in its own namespace."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[-1]) for line in lines if line.startswith("NSpid:")), None)


@contextlib.contextmanager
def _handle(pid: int) -> Iterator[int | None]:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)
