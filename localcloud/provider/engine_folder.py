"""Where the engine at the other end of a connection runs: its assets' relative paths are relative to that."""

from __future__ import annotations

import re
from pathlib import Path

_PEER = re.compile(r"^ipv4:127\.0\.0\.1:(\d+)$")


def engine_folder(peer: str) -> Path | None:
    """Return the working folder of the process of this user that holds the connection's other end; None if it cannot be told."""
    match = _PEER.match(peer)
    inode = _socket_of_port(int(match[1])) if match else None
    if inode is None:
        return None
    wanted = f"socket:[{inode}]"
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and _holds(process, wanted):
            try:
                return (process / "cwd").readlink()
            except OSError:
                return None
    return None


def _socket_of_port(port: int) -> str | None:
    try:
        lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return None
    for line in lines:
        columns = line.split()
        if int(columns[1].rpartition(":")[2], 16) == port and columns[9] != "0":
            return columns[9]
    return None


def _holds(process: Path, wanted: str) -> bool:
    try:
        return any(str(descriptor.readlink()) == wanted for descriptor in (process / "fd").iterdir())
    except OSError:
        return False
