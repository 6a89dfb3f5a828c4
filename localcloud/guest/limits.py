"""What an instance may take of this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from localcloud.plans.machine import MachineSpec

_PERIOD = 100_000  # microseconds that a share of CPU time is counted over
_WEIGHT, _MOST_WEIGHT = 100, 10_000  # of one vCPU, and the kernel's bound


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Processes of the instance, open files of each process, and bytes on its disk."""

    processes: int = 4096
    files: int = 65536
    disk_bytes: int = 10 << 30

    def of(self, spec: MachineSpec) -> Mapping[str, str]:
        """Return what an instance's control group (cgroup v2) holds it to, by file: its machine type, and our own limits.

        There is no swap on Google's images. Who runs out of memory loses a process, and not all of them. CPU time is shared in
        proportion to what machine types are allotted; nobody has more at a moment than a machine of the type could use.
        """
        cpus = max(spec.vcpus, spec.burst_vcpus)
        return {
            "memory.max": str(spec.memory_mib << 20),
            "memory.swap.max": "0",
            "memory.oom.group": "0",
            "pids.max": str(self.processes),
            "cpu.weight": str(min(_MOST_WEIGHT, max(1, round(spec.vcpus * _WEIGHT)))),
            "cpu.max": f"{round(cpus * _PERIOD)} {_PERIOD}",
        }

    def describe(self, *, as_host_root: bool, groups: Sequence[str]) -> str:
        """Return one line for people: what is in force, and by whom.

        `as_host_root`: instances are the host's root to the kernel; `groups`: the controllers of the control groups that they have.
        """
        processes = f"processes ({self.processes:,})"
        counted = "pids" in groups or not as_host_root
        held = [processes] if counted else []
        held.append("open files and each process's memory")
        watched = [f"disk ({self.disk_bytes >> 30:,} GiB)" if self.disk_bytes >= 1 << 30 else "disk"]
        if "memory" in groups:
            held.append("the whole of an instance's memory")
        else:
            watched.insert(0, "the whole of an instance's memory")
        if "cpu" in groups:
            held.append("CPU (the vCPUs of its machine type)")
        words = ["held by the kernel: " + ", ".join(held)]
        if not counted:
            words.append(f"{processes} not, as instances are the host's root here")
        words.append("watched: " + " and ".join(watched))
        if "cpu" not in groups:
            words.append("counted, and not limited: CPU")
        return "; ".join(words)
