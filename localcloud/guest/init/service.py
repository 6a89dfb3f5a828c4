"""One unit as the init runs it: systemd's states, what others ask of it, and who waits for it."""

from __future__ import annotations

import os
import time

from . import process
from .execution import Commands
from .journal import ERROR, INFO, WARNING
from .main_process import MainProcess
from .start_job import StartJob
from .stop_job import StopJob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .loop import Timer
    from .manager import Manager
    from .unitfile import UnitFile


class Service:
    """A loaded unit. `active` and `sub` are systemd's ActiveState and SubState.

    Its start job, its main process and its stop job each move it on by what is below "For its parts".
    """

    def __init__(self, manager: Manager, file: UnitFile) -> None:
        self.manager, self.file, self.name = manager, file, file.name
        self.active, self.sub, self.result = "inactive", "dead", "success"
        self.main_pid = 0
        self.main_status: int | None = None  # wait status of the last main process
        self.since = time.time()
        self.invocation = ""
        self.restarts = 0
        self.sessions: set[int] = set()
        self.stopping = False  # by request or timeout: the main process's end means nothing more
        self.commands = Commands(manager, self)
        self.start_job, self.main, self.stop_job = StartJob(self), MainProcess(self), StopJob(self)
        self._timer: Timer | None = None
        self._waiting: list[Callable[[str], None]] = []
        self._stopped: list[Callable[[], None]] = []

    # What others ask of it.

    @property
    def kind(self) -> str:
        """The service's type; a unit that is no service is only a name to wait for."""
        if not self.name.endswith(".service"):
            return "target"
        given = self.file.get("Service", "Type")
        return given or ("simple" if self.file.all("Service", "ExecStart") else "oneshot")

    @property
    def title(self) -> str:
        """The name and description as systemd 252 writes them."""
        description = self.file.description
        return self.name if description == self.name else f"{self.name} - {description}"

    def start(self, done: Callable[[str], None]) -> None:
        """Start it; `done("")` when it is up, or done with why it is not."""
        if self.active == "active":
            done("")
            return
        if self.active == "deactivating":
            self._stopped.append(lambda: self.start(done))
            return
        self._waiting.append(done)
        if self.active == "activating" and self.sub != "auto-restart":
            return
        self.cancel()
        if self.start_job.allowed():
            self.start_job.begin()

    def stop(self, done: Callable[[], None]) -> None:
        """Stop it; `done()` when nothing of it runs any more."""
        if self.active in {"inactive", "failed"}:
            done()
            return
        self._stopped.append(done)
        if self.active == "deactivating":
            return
        self.cancel()
        if self.sub == "auto-restart":
            self.set("inactive", "dead")
            self.finish_start("canceled")
            self.finish_stop()
            return
        self.stop_job.begin()

    def reload(self, done: Callable[[str], None]) -> None:
        """Run ExecReload."""
        if not self.file.all("Service", "ExecReload"):
            done(f"Failed to reload {self.name}: Job type reload is not applicable for unit {self.name}.")
            return
        self.run("ExecReload", lambda status: done("" if status == 0 else f"Job for {self.name} failed."))

    def reset(self) -> None:
        """Forget a failure and the counted starts."""
        self.start_job.forget()
        if self.active == "failed":
            self.set("inactive", "dead")

    def notified(self, fields: dict[str, str]) -> None:
        """Take in what the service said with sd_notify."""
        if fields.get("MAINPID", "").isdigit():
            self.main_pid = int(fields["MAINPID"])
        if fields.get("READY") == "1" and self.kind.startswith("notify") and self.active == "activating":
            self.start_job.finish()

    def pids(self) -> set[int]:
        """Return its processes."""
        return process.members(self.invocation, self.sessions) if self.invocation else set()

    # For its parts.

    def begin_run(self) -> None:
        """Have what is known of an earlier run forgotten; what is started from now on belongs to the next."""
        self.invocation = os.urandom(16).hex()
        self.result, self.main_pid, self.main_status, self.stopping = "success", 0, None, False
        self.sessions.clear()

    def set(self, active: str, sub: str) -> None:
        """Be in this state."""
        if active != self.active:
            self.since = time.time()
        self.active, self.sub = active, sub

    def say(self, line: str, *, priority: int = INFO, console: bool = True) -> None:
        """Write a line about it as systemd itself."""
        self.manager.say(line, self.name, priority=priority, console=console)

    def run(
        self, key: str, done: Callable[[int], None], started: Callable[[int], None] | None = None
    ) -> None:
        """Run a directive's commands; see `Commands.run_all`."""
        self.commands.run_all(key, done, started)

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Make a call after this many seconds, unless the unit moves on before; it has one such call at a time."""
        self.cancel()
        self._timer = self.manager.loop.later(seconds, call)

    def cancel(self) -> None:
        """Have the call that is to come not be made."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def limit(self, timeout: float, over: Callable[[], None]) -> None:
        """Have this called when a timeout is over; 0 and infinity are none."""
        self.cancel()
        if 0 < timeout < float("inf"):
            self.later(timeout, over)

    def fail(self, result: str) -> None:
        """Have failed to start, with systemd's word for why."""
        self.result = result
        self.cancel()
        self.say(f"{self.name}: Failed with result '{self.result}'.", priority=WARNING)
        self.say(f"Failed to start {self.title}.", priority=ERROR)
        self.set("failed", "failed")
        self.finish_start(self.result)
        self.finish_stop()

    def finish_start(self, failure: str) -> None:
        """Tell all who wait for its start; `failure` is "" where it succeeded."""
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done(failure)

    def finish_stop(self) -> None:
        """Tell all who wait for its end."""
        stopped, self._stopped = self._stopped, []
        for done in stopped:
            done()
