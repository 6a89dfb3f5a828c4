"""Which processes a cloud consists of, and their ends."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.daemon import launch
from localcloud.daemon.process_record import ProcessRecord
from localcloud.dataplane import holding
from localcloud.dataplane.namespaces import namespace_inode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from localcloud.home import Home

HELPERS = ("agent", "worker", "prober", "door", "delayer")
_PATIENCE = 60.0


def inhabitants(home: Home) -> list[int]:
    """Return the processes of a cloud's world, the holder and what runs on instances included."""
    holder = holding.find(home)
    if holder is None:
        return []
    world = namespace_inode(holder.pid, "pid")
    parents = json.loads((home.run / "holder.json").read_text())["user_namespace"]
    return [
        pid
        for pid in (int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit())
        if parents == namespace_inode(pid, "user")
        or (world is not None and world == namespace_inode(pid, "pid"))
    ]


def census(home: Home) -> dict[str, list[int]]:
    """Return the processes of each kind: "daemon", "keeper", "plugin", "holder" and `HELPERS`."""
    holder = holding.find(home)
    found: dict[str, list[int]] = {role: [] for role in HELPERS}
    for pid in inhabitants(home):
        role = _called(pid).removeprefix("cloud-")
        if role in found:
            found[role].append(pid)
    files = {
        "daemon": launch.record_file(home),
        "keeper": launch.keeper_file(home),
        "plugin": home.run / "plugin.json",
    }
    for role, file in files.items():
        one = ProcessRecord.living(file)
        found[role] = [] if one is None else [one.pid]
    return {**found, "holder": [] if holder is None else [holder.pid]}


def _called(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:  # it has ended
        return ""


async def kill(pids: Iterable[int]) -> None:
    """Kill processes, all at once, and wait until they have ended."""
    handles = []
    for pid in pids:
        try:
            handles.append(os.pidfd_open(pid))
        except ProcessLookupError:
            continue
    for handle in handles:
        try:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        except ProcessLookupError:
            continue
    for handle in handles:
        ended, _, _ = await asyncio.to_thread(select.select, [handle], [], [], _PATIENCE)
        os.close(handle)
        assert ended, f"a process did not end within {_PATIENCE:g} s of being killed"
