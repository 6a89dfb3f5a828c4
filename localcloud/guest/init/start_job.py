"""Bringing a unit up: its start limit and conditions, its commands before, the main process, and when it counts as started."""

from __future__ import annotations

import os
import time

from . import policy
from .execution import Command
from .journal import ERROR, NOTICE, WARNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .service import Service

_FOLDERS = (
    ("RuntimeDirectory", "/run"),
    ("StateDirectory", "/var/lib"),
    ("CacheDirectory", "/var/cache"),
    ("LogsDirectory", "/var/log"),
)


class StartJob:
    """The start of one unit."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._starts: list[float] = []

    def forget(self) -> None:
        """Forget the starts that were counted."""
        self._starts.clear()

    def allowed(self) -> bool:
        """Whether it may be started once more, which counts as a start; where it may not it has failed."""
        service = self._service
        interval, burst = policy.start_limit(service.file)
        now = time.monotonic()
        self._starts = [at for at in self._starts if now - at < interval]
        if interval > 0 and len(self._starts) >= burst:
            service.say(f"{service.name}: Start request repeated too quickly.", priority=WARNING)
            service.fail("start-limit-hit")
            return False
        self._starts.append(now)
        return True

    def begin(self) -> None:
        """Start it, unless its condition is not met."""
        service = self._service
        if service.kind == "target":
            service.set("active", "active")
            service.say(f"Reached target {service.title}.")
            service.finish_start("")
            return
        condition = service.file.get("Unit", "ConditionPathExists")
        if condition and os.path.exists(condition.lstrip("!")) == condition.startswith("!"):
            service.say(
                f"{service.title} was skipped because of an unmet condition check (ConditionPathExists={condition})."
            )
            service.finish_start("")
            return
        self._say_notes()
        service.begin_run()
        for key, root in _FOLDERS:
            for folder in service.file.words("Service", key):
                os.makedirs(f"{root}/{folder}", exist_ok=True)
        service.set("activating", "start-pre")
        if service.kind not in {"simple", "idle"} or service.file.all("Service", "ExecStartPre"):
            service.say(f"Starting {service.title}...")
        if service.kind != "oneshot":
            service.limit(policy.timeout(service.file, "TimeoutStartSec"), self._timed_out)
        service.run("ExecStartPre", self._prepared)

    def _say_notes(self) -> None:
        service = self._service
        notes = list(service.file.notes)
        service.file.notes.clear()
        user = service.file.get("Service", "User")
        if user not in {"", "root", "0"}:
            notes.append(
                f"{service.name}: User={user}: this machine has no user but root; its processes run as root."
            )
        for note in notes:
            service.say(note, priority=NOTICE, console=False)

    def _prepared(self, status: int) -> None:
        """Start the main process after the commands that come before it."""
        service = self._service
        if status != 0:
            service.main.gone(status)
            return
        if service.stopping:
            return
        commands = service.file.all("Service", "ExecStart")
        service.set("activating", "start")
        if service.kind == "oneshot":
            service.run("ExecStart", service.main.gone, started=service.main.take)
        elif not commands:
            service.say(f"{service.name}: Service has no ExecStart= setting. Refusing.", priority=ERROR)
            service.fail("exit-code")
        else:
            pid = service.commands.execute(Command(commands[-1]), service.main.gone)
            if pid is None or service.kind == "forking":
                return
            service.main.take(pid)
            if not service.kind.startswith("notify"):
                self.finish()

    def finish(self) -> None:
        """Have it be up, and say so."""
        service = self._service
        service.cancel()
        service.set("active", "running" if service.main_pid else "exited")
        service.say(f"Started {service.title}.")
        service.run("ExecStartPost", lambda _: None)
        service.finish_start("")

    def _timed_out(self) -> None:
        service = self._service
        service.say(f"{service.name}: start operation timed out. Terminating.", priority=WARNING)
        service.result = "timeout"
        service.stop_job.signal()
