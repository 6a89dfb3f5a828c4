"""What an instance may take of this machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Processes of the instance, open files of each process, and bytes on its disk."""

    processes: int = 4096
    files: int = 65536
    disk_bytes: int = 10 << 30

    def describe(self, *, as_host_root: bool) -> str:
        """Return one line for people: what is in force, and by whom. `as_host_root`: instances are the host's root to the kernel."""
        processes, rest = f"processes ({self.processes:,})", "open files and each process's memory"
        held = f"{processes}, {rest}" if not as_host_root else rest
        spared = f"{processes} not, as instances are the host's root here; " if as_host_root else ""
        disk = f"disk ({self.disk_bytes >> 30:,} GiB)" if self.disk_bytes >= 1 << 30 else "disk"
        return (
            f"held by the kernel: {held}; {spared}watched: the whole of an instance's memory and {disk}; "
            "counted, and not limited: CPU"
        )
