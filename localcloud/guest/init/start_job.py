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
        service.set("activating", "condition")
        if service.kind != "oneshot" or service.file.get("Service", "TimeoutStartSec"):
            service.limit(policy.timeout(service.file, "TimeoutStartSec"), self._timed_out)
        service.run("ExecCondition", service.within_run(self._judged))

    def _judged(self, status: int) -> None:
        """Go on where ExecCondition= says so; one of its commands that ends with 1 to 254 has the unit be left alone."""
        service = self._service
        if service.stopping:
            service.stop_job.look()
        elif os.WIFEXITED(status) and 1 <= os.WEXITSTATUS(status) <= 254:
            service.cancel()
            service.result = "exec-condition"
            service.say(f"{service.title} was skipped because of an unmet condition check (ExecCondition=).")
            service.set("inactive", "dead")
            service.finish_start("")
        else:
            service.set("activating", "start-pre")
            if service.kind not in {"simple", "idle"} or service.file.all("Service", "ExecStartPre"):
                service.say(f"Starting {service.title}...")
            service.run("ExecStartPre", service.within_run(self._prepared))

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
        if service.stopping:
            service.stop_job.look()
            return
        if status != 0:
            service.main.failed(status, "Control")
            service.stop_job.fall()
            return
        commands = service.file.all("Service", "ExecStart")
        service.set("activating", "start")
        gone = service.within_run(service.main.gone)
        if service.kind == "oneshot":
            service.run("ExecStart", gone, started=service.main.take)
        elif not commands:
            service.say(f"{service.name}: Service has no ExecStart= setting. Refusing.", priority=ERROR)
            service.fail("exit-code")
        elif service.kind == "forking":
            service.control_pid = service.commands.execute(Command(commands[-1]), gone) or 0
        else:
            self._launch(Command(commands[-1]))

    def _launch(self, command: Command) -> None:
        """Start the command that is the main process itself, for as long as it does not say that another one is."""
        service = self._service
        first: list[int] = []

        def ended(status: int) -> None:
            if not first or service.main_pid == first[0]:
                service.main.gone(status)

        pid = service.commands.execute(command, service.within_run(ended))
        if pid is not None:
            first.append(pid)
            service.main.take(pid)
            if not service.kind.startswith("notify"):
                self.up()

    def up(self) -> None:
        """Go on to the commands that come after the start, as the service itself is up."""
        service = self._service
        service.set("activating", "start-post")
        service.run("ExecStartPost", service.within_run(self._finish))

    def _finish(self, status: int) -> None:
        """Have it be up, and say so."""
        service = self._service
        if service.stopping:
            service.stop_job.look()
            return
        service.cancel()
        if status != 0:
            service.main.failed(status, "Control")
            service.stop_job.fall()
            return
        if service.kind == "oneshot" and not service.file.flag("Service", "RemainAfterExit"):
            service.stop_job.fall()
            return
        service.started = True
        over = not service.main_pid and service.kind != "forking"
        service.set("active", "exited" if over else "running")
        service.say(f"{'Finished' if service.kind == 'oneshot' else 'Started'} {service.title}.")
        service.finish_start("")
        service.main.orphan_gone()

    def _timed_out(self) -> None:
        service = self._service
        service.say(f"{service.name}: start operation timed out. Terminating.", priority=WARNING)
        service.result = "timeout"
        service.stop_job.fall()
