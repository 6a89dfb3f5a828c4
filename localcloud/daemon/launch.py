"""Starting and stopping the daemon from a command: detached from the terminal, with a word when it is ready or why it is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.home import Home


@dataclass(frozen=True)
class DaemonRecord:
    """Which process is the daemon. The start time (clock ticks since boot) tells it from a later process with its number."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> DaemonRecord | None:
        """Describe a living process, or None if there is none."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in {"Z", "X"} else cls(pid, int(fields[19]))


def record_file(home: Home) -> Path:
    """Return where the living daemon's record is."""
    return home.run / "daemon.json"


def running(home: Home) -> DaemonRecord | None:
    """Return the living daemon's record, or None."""
    try:
        noted = DaemonRecord(**json.loads(record_file(home).read_text()))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None
    return noted if DaemonRecord.of(noted.pid) == noted else None


def note(home: Home) -> None:
    """Write this process down as the daemon."""
    me = DaemonRecord.of(os.getpid())
    assert me is not None  # noqa: S101  - this process is alive
    draft = record_file(home).with_suffix(".new")
    draft.write_text(json.dumps(asdict(me)))
    draft.rename(record_file(home))


def start(home: Home, speed: float | None, project: str | None = None) -> str:
    """Start the daemon and wait until it serves; returns "" or the reason why it does not."""
    home.run.mkdir(parents=True, exist_ok=True, mode=0o700)
    home.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    ready, report = os.pipe()
    arguments = [sys.executable, "-m", "localcloud.daemon", "--report-fd", str(report)]
    if speed is not None:
        arguments += ["--speed", str(speed)]
    if project is not None:
        arguments += ["--project", project]
    with (home.logs / "daemon.log").open("ab") as log:
        subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=[report],
            env={**os.environ, "LOCALCLOUD_HOME": str(home.path)},
        )
    os.close(report)
    with os.fdopen(ready) as answer:
        word = answer.readline().strip()
    if word == "ready":
        return ""
    return word or f"the daemon ended before it was ready; its log is {home.logs / 'daemon.log'}"
