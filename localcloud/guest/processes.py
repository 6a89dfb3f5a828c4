"""The processes of an instance as the host sees them: whose they are, what CPU time they took, stopping and killing them."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Stat:
    """What /proc/PID/stat says: parent, state letter, CPU time with that of reaped children (ticks), start (ticks since boot).

    `pages` is the memory it has, what it shares with others included.
    """

    parent: int
    state: str
    ticks: int
    started: int
    pages: int


def stat(pid: int) -> Stat | None:
    """Return a process's facts; None if there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = text.rpartition(b")")[2].split()
    return Stat(
        int(fields[1]), fields[0].decode(), sum(map(int, fields[11:15])), int(fields[19]), int(fields[21])
    )


@dataclass(frozen=True)
class ProcessId:
    """A process that cannot be mistaken for a later one with the same number."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """Identify a living process."""
        facts = stat(pid)
        return cls(pid, facts.started) if facts is not None else None

    def alive(self) -> bool:
        """Whether it still runs (a zombie does not)."""
        facts = stat(self.pid)
        return facts is not None and facts.started == self.started and facts.state not in "ZX"

    def send(self, number: int) -> bool:
        """Send it a signal; False if it has ended."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if not self.alive():  # asked after the handle was taken, so the handle is of this very process
                return False
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)
        return True


class Snapshot:
    """Every process of this host at one moment."""

    def __init__(self) -> None:
        self.stats: dict[int, Stat] = {}
        self._children: dict[int, list[int]] = {}
        with os.scandir("/proc") as entries:
            pids = [int(entry.name) for entry in entries if entry.name.isdigit()]
        for pid in pids:
            if (facts := stat(pid)) is not None:
                self.stats[pid] = facts
                self._children.setdefault(facts.parent, []).append(pid)

    def tree(self, root: ProcessId) -> dict[int, Stat]:
        """Return a process and all its descendants; nothing if it has ended.

        For an instance's init this is the whole instance: orphans become its children, and nobody else's can.
        """
        facts = self.stats.get(root.pid)
        if facts is None or facts.started != root.started:
            return {}
        found = {root.pid: facts}
        queue = [root.pid]
        while queue:
            for child in self._children.get(queue.pop(), ()):
                found[child] = self.stats[child]
                queue.append(child)
        return found


def cpu_seconds(tree: dict[int, Stat]) -> float:
    """Return the CPU time of these processes and of the children they have reaped."""
    return sum(facts.ticks for facts in tree.values()) / _TICKS


def proportional_memory(pid: int) -> int:
    """Return a process's memory in bytes, what it shares counted in parts; 0 if it has ended or is not ours to look at."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith("Pss:")), 0)


def inner_number(pid: int) -> int | None:
    """Return a process's number in its own PID namespace; None if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return next((int(line.split()[-1]) for line in status.splitlines() if line.startswith("NSpid:")), None)


def user(pid: int) -> int | None:
    """Return the user whose a process is; None if it has ended."""
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return None


def stop_all(root: ProcessId) -> None:
    """Stop a process and its descendants; looks again until there is none that could still start another."""
    while True:
        tree = Snapshot().tree(root)
        going = [pid for pid, facts in tree.items() if facts.state not in "TtZX"]
        if not going:
            return
        for pid in sorted(going, key=lambda pid: pid != root.pid):
            ProcessId(pid, tree[pid].started).send(signal.SIGSTOP)


def continue_all(root: ProcessId) -> None:
    """Let a process and its descendants go on; their init last, so that it wakes to a running machine."""
    tree = Snapshot().tree(root)
    for pid in sorted(tree, key=lambda pid: pid == root.pid):
        ProcessId(pid, tree[pid].started).send(signal.SIGCONT)
