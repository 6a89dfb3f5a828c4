"""One unit as the init runs it: systemd's states, service types, restarts and the lines it writes to the journal."""

from __future__ import annotations

import os
import signal
import time

from . import policy, process
from .execution import Command, Commands
from .journal import ERROR, NOTICE, WARNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .loop import Timer
    from .manager import Manager
    from .unitfile import UnitFile

_FOLDERS = (
    ("RuntimeDirectory", "/run"),
    ("StateDirectory", "/var/lib"),
    ("CacheDirectory", "/var/cache"),
    ("LogsDirectory", "/var/log"),
)


class Service:
    """A loaded unit. `active` and `sub` are systemd's ActiveState and SubState."""

    def __init__(self, manager: Manager, file: UnitFile) -> None:
        self.manager, self.file, self.name = manager, file, file.name
        self.active, self.sub, self.result = "inactive", "dead", "success"
        self.main_pid = 0
        self.main_status: int | None = None  # wait status of the last main process
        self.since = time.time()
        self.invocation = ""
        self.restarts = 0
        self.sessions: set[int] = set()
        self._starts: list[float] = []
        self._stopping = False
        self._timer: Timer | None = None
        self._waiting: list[Callable[[str], None]] = []
        self._stopped: list[Callable[[], None]] = []
        self._commands = Commands(manager, self)

    # What others ask of it.

    @property
    def kind(self) -> str:
        """The service's type; a unit that is no service is only a name to wait for."""
        if not self.name.endswith(".service"):
            return "target"
        given = self.file.get("Service", "Type")
        return given or ("simple" if self.file.all("Service", "ExecStart") else "oneshot")

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
        self._cancel()
        if not self._may_start():
            self._finish_start("start-limit-hit")
            return
        self._begin()

    def stop(self, done: Callable[[], None]) -> None:
        """Stop it; `done()` when nothing of it runs any more."""
        if self.active in {"inactive", "failed"}:
            done()
            return
        self._stopped.append(done)
        if self.active == "deactivating":
            return
        self._cancel()
        if self.sub == "auto-restart":
            self._set("inactive", "dead")
            self._finish_start("canceled")
            return
        self._stopping = True
        if self.kind == "target":
            self._dead()
            return
        self.manager.say(f"Stopping {self.title}...", self.name)
        self._set("deactivating", "stop")
        self._run("ExecStop", self._stop_commands_done)

    def reload(self, done: Callable[[str], None]) -> None:
        """Run ExecReload."""
        if not self.file.all("Service", "ExecReload"):
            done(f"Failed to reload {self.name}: Job type reload is not applicable for unit {self.name}.")
            return
        self._run("ExecReload", lambda status: done("" if status == 0 else f"Job for {self.name} failed."))

    def reset(self) -> None:
        """Forget a failure and the counted starts."""
        self._starts.clear()
        if self.active == "failed":
            self._set("inactive", "dead")

    def notified(self, fields: dict[str, str]) -> None:
        """Take in what the service said with sd_notify."""
        if fields.get("MAINPID", "").isdigit():
            self.main_pid = int(fields["MAINPID"])
        if fields.get("READY") == "1" and self.kind.startswith("notify") and self.active == "activating":
            self._started()

    def pids(self) -> set[int]:
        """Return its processes."""
        return process.members(self.invocation, self.sessions) if self.invocation else set()

    @property
    def title(self) -> str:
        """The name and description as systemd 252 writes them."""
        description = self.file.description
        return self.name if description == self.name else f"{self.name} - {description}"

    # Starting.

    def _may_start(self) -> bool:
        interval, burst = policy.start_limit(self.file)
        now = time.monotonic()
        self._starts = [at for at in self._starts if now - at < interval]
        if interval > 0 and len(self._starts) >= burst:
            self.manager.say(f"{self.name}: Start request repeated too quickly.", self.name, priority=WARNING)
            self.result = "start-limit-hit"
            self._fail()
            return False
        self._starts.append(now)
        return True

    def _begin(self) -> None:
        if self.kind == "target":
            self._set("active", "active")
            self.manager.say(f"Reached target {self.title}.", self.name)
            self._finish_start("")
            return
        condition = self.file.get("Unit", "ConditionPathExists")
        if condition and os.path.exists(condition.lstrip("!")) == condition.startswith("!"):
            self.manager.say(
                f"{self.title} was skipped because of an unmet condition check (ConditionPathExists={condition}).",
                self.name,
            )
            self._finish_start("")
            return
        for note in self.file.notes:
            self.manager.say(note, self.name, priority=NOTICE, console=False)
        self.file.notes.clear()
        user = self.file.get("Service", "User")
        if user not in {"", "root", "0"}:
            note = f"{self.name}: User={user}: this machine has no user but root; its processes run as root."
            self.manager.say(note, self.name, priority=NOTICE, console=False)
        self.invocation = os.urandom(16).hex()
        self.result, self.main_pid, self.main_status, self._stopping = "success", 0, None, False
        self.sessions.clear()
        for key, root in _FOLDERS:
            for folder in self.file.words("Service", key):
                os.makedirs(f"{root}/{folder}", exist_ok=True)
        self._set("activating", "start-pre")
        if self.kind not in {"simple", "idle"} or self.file.all("Service", "ExecStartPre"):
            self.manager.say(f"Starting {self.title}...", self.name)
        timeout = policy.timeout(self.file, "TimeoutStartSec")
        if self.kind != "oneshot" and 0 < timeout < float("inf"):
            self._timer = self.manager.loop.later(timeout, self._start_timed_out)
        self._run("ExecStartPre", self._pre_done)

    def _pre_done(self, status: int) -> None:
        if status != 0:
            self._main_gone(status)
            return
        if self._stopping:
            return
        commands = self.file.all("Service", "ExecStart")
        self._set("activating", "start")
        if self.kind == "oneshot":
            self._run("ExecStart", self._main_gone, started=self._set_main)
        elif not commands:
            self.manager.say(
                f"{self.name}: Service has no ExecStart= setting. Refusing.", self.name, priority=ERROR
            )
            self.result = "exit-code"
            self._fail()
        else:
            pid = self._commands.execute(Command(commands[-1]), self._main_gone)
            if pid is None:
                return
            if self.kind == "forking":
                return
            self.main_pid = pid
            if not self.kind.startswith("notify"):
                self._started()

    def _started(self) -> None:
        self._cancel()
        self._set("active", "running" if self.main_pid else "exited")
        self.manager.say(f"Started {self.title}.", self.name)
        self._run("ExecStartPost", lambda _: None)
        self._finish_start("")

    def _main_gone(self, status: int) -> None:
        """Handle the end of the main process, or of the command that stands for it now."""
        if self._stopping:
            if self.sub in {"stop-sigterm", "stop-sigkill"}:
                self._check_stopped()
            return
        self.main_status = status
        clean = policy.is_clean(self.file, status, oneshot=self.kind == "oneshot")
        if not clean:
            self.result = (
                "exit-code" if os.WIFEXITED(status) else ("core-dump" if os.WCOREDUMP(status) else "signal")
            )
            self.manager.say(
                f"{self.name}: Main process exited, {policy.describe(status)}", self.name, priority=NOTICE
            )
        if self.active == "activating":
            if self.kind == "forking" and clean:
                self.main_pid = self._forked_pid()
                self._started()
                if self.main_pid:
                    self._watch_orphan()
                return
            if self.kind == "oneshot" and clean:
                if self.file.flag("Service", "RemainAfterExit"):
                    self.main_pid = 0
                    self._set("active", "exited")
                    self.manager.say(f"Finished {self.title}.", self.name)
                    self._run("ExecStartPost", lambda _: None)
                    self._finish_start("")
                    return
                self._over(clean=True)
                return
        if clean and self.active == "active" and self.file.flag("Service", "RemainAfterExit"):
            self.main_pid = 0
            self._set("active", "exited")
            return
        self._over(clean=clean)

    def _forked_pid(self) -> int:
        path = self.file.get("Service", "PIDFile")
        if path:
            try:
                with open(path if path.startswith("/") else f"/run/{path}", encoding="ascii") as file:
                    return int(file.read().strip())
            except (OSError, ValueError):
                self.manager.say(
                    f"{self.name}: Can't open PID file {path} (yet?) after start.", self.name, priority=NOTICE
                )
        return min(self.pids(), default=0)

    def _watch_orphan(self) -> None:
        """Hear of the end of a daemon that is not a child from the start, but was adopted when its parent left."""
        self.manager.loop.on_exit(self.main_pid, self._main_gone)

    def _start_timed_out(self) -> None:
        self.manager.say(f"{self.name}: start operation timed out. Terminating.", self.name, priority=WARNING)
        self.result = "timeout"
        self._stopping = True
        self._kill_all()

    # Ending.

    def _over(self, *, clean: bool) -> None:
        """Go on after the main process has ended by itself."""
        self.main_pid = 0
        starting = self.active == "activating"
        self._cancel()
        if self.kind != "oneshot":
            self._remains()
        if clean:
            self.manager.say(f"{self.name}: Deactivated successfully.", self.name)
            if starting and self.kind == "oneshot":
                self.manager.say(f"Finished {self.title}.", self.name)
        else:
            self.manager.say(f"{self.name}: Failed with result '{self.result}'.", self.name, priority=WARNING)
            if starting:
                self.manager.say(f"Failed to start {self.title}.", self.name, priority=ERROR)
        self._run("ExecStopPost", lambda _: None)
        self._set("inactive", "dead") if clean else self._set("failed", "failed")
        if starting:
            self._finish_start("" if clean else self.result)
        if policy.restarts(self.file, self.main_status or 0, self.result, clean=clean):
            delay = self.file.seconds("Service", "RestartSec", 0.1)
            self._set("activating", "auto-restart")
            self._timer = self.manager.loop.later(delay, self._restart)
        else:
            self._finish_stop()

    def _restart(self) -> None:
        self._timer = None
        self.restarts += 1
        self.manager.say(
            f"{self.name}: Scheduled restart job, restart counter is at {self.restarts}.", self.name
        )
        if self._may_start():
            self._begin()

    def _stop_commands_done(self, _status: int) -> None:
        self._kill_all()

    def _kill_all(self) -> None:
        self._set("deactivating", "stop-sigterm")
        if policy.kill_mode(self.file) != "none":
            process.send(self._targets(), policy.kill_signal(self.file))
        timeout = policy.timeout(self.file, "TimeoutStopSec")
        self._cancel()
        if 0 < timeout < float("inf"):
            self._timer = self.manager.loop.later(timeout, self._stop_timed_out)
        self._check_stopped()

    def _targets(self) -> set[int]:
        if policy.kill_mode(self.file) in {"process", "mixed"}:
            return {self.main_pid} if self.main_pid else set()
        return self.pids()

    def _stop_timed_out(self) -> None:
        self.manager.say(
            f"{self.name}: State 'stop-sigterm' timed out. Killing.", self.name, priority=WARNING
        )
        self.result = "timeout"
        self._set("deactivating", "stop-sigkill")
        process.send(self.pids(), signal.SIGKILL)
        self._check_stopped()

    def _check_stopped(self) -> None:
        """See whether all that must go has gone; children's ends wake the loop, so only orphans need to be looked for again."""
        if self.active != "deactivating":
            return
        mode = policy.kill_mode(self.file)
        left = self._targets() & set(process.running()) if mode != "none" else set()
        if mode == "mixed" and not left:
            left = self.pids()
            process.send(left, signal.SIGKILL)
        if left:
            self.manager.loop.later(0.02, self._check_stopped)
            return
        self._cancel()
        self._run("ExecStopPost", lambda _: self._dead())

    def _dead(self) -> None:
        self.main_pid = 0
        failed = self.result == "timeout"
        if self.kind != "target":
            self._remains()
            if failed:
                self.manager.say(
                    f"{self.name}: Failed with result '{self.result}'.", self.name, priority=WARNING
                )
            else:
                self.manager.say(f"{self.name}: Deactivated successfully.", self.name)
        self.manager.say(f"Stopped {'target ' if self.kind == 'target' else ''}{self.title}.", self.name)
        self._set("failed" if failed else "inactive", "failed" if failed else "dead")
        self._finish_start(self.result if failed else "canceled")
        self._finish_stop()

    def _fail(self) -> None:
        self._cancel()
        self.manager.say(f"{self.name}: Failed with result '{self.result}'.", self.name, priority=WARNING)
        self.manager.say(f"Failed to start {self.title}.", self.name, priority=ERROR)
        self._set("failed", "failed")
        self._finish_start(self.result)
        self._finish_stop()

    def _remains(self) -> None:
        """Kill what the main process left behind, as the control group's end would; KillMode=process leaves it alone."""
        if policy.kill_mode(self.file) in {"control-group", "mixed"}:
            process.send(self.pids(), signal.SIGKILL)
        for folder in self.file.words("Service", "RuntimeDirectory"):
            import shutil

            shutil.rmtree(f"/run/{folder}", ignore_errors=True)

    def _finish_start(self, failure: str) -> None:
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done(failure)

    def _finish_stop(self) -> None:
        stopped, self._stopped = self._stopped, []
        for done in stopped:
            done()

    # Small things.

    def _run(
        self, key: str, done: Callable[[int], None], started: Callable[[int], None] | None = None
    ) -> None:
        self._commands.run_all(key, done, started)

    def _set_main(self, pid: int) -> None:
        self.main_pid = pid

    def _set(self, active: str, sub: str) -> None:
        if active != self.active:
            self.since = time.time()
        self.active, self.sub = active, sub

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
