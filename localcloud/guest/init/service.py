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
        self.exec_pid = 0  # of the last main process, whether it runs or not
        self.main_status: int | None = None  # its wait status
        self.since = time.time()
        self.invocation = ""
        self.status_text = ""  # what it said of itself last, with sd_notify
        self.restarts = 0
        self.sessions: set[int] = set()
        self.control_pid = 0  # of the command that runs beside the main process, or before there is one
        self.started = False  # in this run
        self.stopping = False  # the main process's end means nothing more
        self.commands = Commands(manager, self)
        self.start_job, self.main, self.stop_job = StartJob(self), MainProcess(self), StopJob(self)
        self._known: dict[int, int] = {}
        self._timer: Timer | None = None
        self._waiting: list[Callable[[str], None]] = []
        self._stopped: list[Callable[[], None]] = []
        self._over: list[Callable[[], None]] = []

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
            self.stop_job.requested = True
            return
        self.cancel()
        if self.sub == "auto-restart":
            self.set("inactive", "dead")
            self.finish_start("canceled")
            self.finish_stop()
            return
        self.stop_job.begin()

    def reload(self, done: Callable[[str], None]) -> None:
        """Run ExecReload; `done("")` when it has, or done with why it has not."""
        if not self.reloads:
            done(f"Failed to reload {self.name}: Job type reload is not applicable for unit {self.name}.")
        elif self.active != "active":
            done(f"{self.name} is not active, cannot reload.")
        else:
            self.say(f"Reloading {self.title}...")
            self.run("ExecReload", lambda status: done("" if status == 0 else f"Job for {self.name} failed."))

    @property
    def reloads(self) -> bool:
        """Whether it can read its configuration again without being started again."""
        return bool(self.file.all("Service", "ExecReload"))

    def reset(self) -> None:
        """Forget a failure and the counted starts."""
        self.start_job.forget()
        if self.active == "failed":
            self.set("inactive", "dead")

    def notified(self, fields: dict[str, str]) -> None:
        """Take in what the service said with sd_notify."""
        if fields.get("MAINPID", "").isdigit() and int(fields["MAINPID"]) not in {0, self.main_pid}:
            self.main.watch(int(fields["MAINPID"]))
        if fields.get("STATUS"):
            self.status_text = fields["STATUS"]
        if fields.get("READY") == "1" and self.kind.startswith("notify") and self.sub == "start":
            self.start_job.up()

    def pids(self, *, unreaped: bool = False) -> set[int]:
        """Return its processes; with `unreaped` those that have ended and that the init has yet to hear of, too."""
        if self.invocation:
            self._known = process.members(self.invocation, self.sessions, self._known, unreaped=unreaped)
        return set(self._known)

    def timing(self) -> dict[str, object]:
        """Return a timer's times; a service has none."""
        return {}

    def when_over(self, call: Callable[[], None]) -> None:
        """Make a call when this run is over and no other begins by itself; at once if it does not run."""
        if self.active in {"inactive", "failed"}:
            call()
        else:
            self._over.append(call)

    # For its parts.

    def begin_run(self) -> None:
        """Have what is known of an earlier run forgotten; what is started from now on belongs to the next."""
        self.invocation = os.urandom(16).hex()
        self.result, self.main_pid, self.main_status, self.control_pid = "success", 0, None, 0
        self.started, self.stopping, self.stop_job.requested = False, False, False
        self.status_text = ""
        self.sessions.clear()
        self._known.clear()

    def within_run(self, call: Callable[[int], None]) -> Callable[[int], None]:
        """Return the call to be made when a process ends, which is not made any more in the unit's next run."""
        invocation = self.invocation
        return lambda status: call(status) if self.invocation == invocation else None

    def set(self, active: str, sub: str) -> None:
        """Be in this state."""
        if active != self.active:
            self.since = time.time()
        self.active, self.sub = active, sub
        if active in {"inactive", "failed"} and self._over:
            self.manager.loop.later(0, self._say_over)

    def _say_over(self) -> None:
        """Tell all who wait for its run to be over, unless it has been started again at once."""
        if self.active in {"inactive", "failed"}:
            over, self._over = self._over, []
            for call in over:
                call()

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
        self.manager.on_failure(self)
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
