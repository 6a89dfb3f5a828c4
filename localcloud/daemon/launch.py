"""Starting the daemon from a command or a keeper: detached from the terminal, with a word when it is ready or why it is not.

Who lives is written down in `run/`: `daemon.json` by a daemon that is ready, and `keeper.json`, who is its keeper. `stopping` is there
from when the cloud is told to stop until all of it is gone.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from localcloud.daemon.process_record import ProcessRecord
from localcloud.guest import service_manager

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from localcloud.guest.service_manager import ServiceManager
    from localcloud.home import Home

_LOOK_EVERY, _REST = 0.05, 0.5  # seconds
_TRIES = 3  # a daemon that is killed while it starts is started again so often


def record_file(home: Home) -> Path:
    """Return where the living daemon's record is."""
    return home.run / "daemon.json"


def keeper_file(home: Home) -> Path:
    """Return where the record of the daemon's keeper is."""
    return home.run / "keeper.json"


def stopping_file(home: Home) -> Path:
    """Return the file that is there while the cloud is being stopped, and still if its daemon died of something else meanwhile."""
    return home.run / "stopping"


def running(home: Home) -> ProcessRecord | None:
    """Return the living daemon's record, or None."""
    return ProcessRecord.living(record_file(home))


def keeper(home: Home) -> ProcessRecord | None:
    """Return the living keeper's record, or None."""
    return ProcessRecord.living(keeper_file(home))


def spawn(
    home: Home, arguments: Sequence[str], descriptors: Sequence[int], manager: ServiceManager | None = None
) -> subprocess.Popen[bytes]:
    """Start a daemon with these arguments, which inherits these descriptors; in a scope of its own, if a service manager is to give one."""
    home.run.mkdir(parents=True, exist_ok=True, mode=0o700)
    home.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home.logs / "daemon.log").open("ab") as log:
        return subprocess.Popen(
            [*(manager.scope() if manager else ()), sys.executable, "-m", "localcloud.daemon", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=descriptors,
            env={
                **os.environ,
                **(manager.environment() if manager else {}),
                "LOCALCLOUD_HOME": str(home.path),
            },
        )


def _is_being_kept(home: Home) -> bool:
    """Wait for the next daemon where a keeper is about to start one; returns whether one runs."""
    while (there := keeper(home)) is not None and running(home) is None:
        with there.handle() as handle:
            if handle is not None:
                select.select([handle], [], [], _LOOK_EVERY)
    return running(home) is not None


def start(home: Home, speed: float | None, project: str | None = None) -> str:
    """Start the daemon and wait until it serves; returns "" or the reason why it does not."""
    arguments = [] if speed is None else ["--speed", str(speed)]
    if project is not None:
        arguments += ["--project", project]
    killed, word = False, ""
    try:
        manager = service_manager.asked()
    except ValueError as error:
        return str(error)
    for _ in range(_TRIES):
        if _is_being_kept(home):
            return ""
        ready, report = os.pipe()
        daemon = spawn(home, ["--report-fd", str(report), *arguments], [report], manager)
        os.close(report)
        with os.fdopen(ready) as answer:
            word = answer.readline().strip()
        if word:
            # whoever was in the way may have been another daemon that is being started, or what a killed one had begun
            if word == "ready" or _is_being_kept(home):
                return ""
            if not killed:
                return word
            time.sleep(_REST)
        elif daemon.wait() >= 0:
            if manager is None:
                break
            manager = None  # it may have been that one who did not start it
        else:
            killed = True
    return word or f"the daemon ended before it was ready; its log is {home.logs / 'daemon.log'}"
