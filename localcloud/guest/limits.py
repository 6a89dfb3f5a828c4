"""What an instance may take of this machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Processes of the instance, open files of each process, and bytes on its disk."""

    processes: int = 4096
    files: int = 65536
    disk_bytes: int = 10 << 30
