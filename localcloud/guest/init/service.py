"""One unit as the init runs it: systemd's states, service types, restarts and the lines it writes to the journal."""

from __future__ import annotations

import os
import signal
import time

from . import process, unitfile
from .journal import ERROR, NOTICE, WARNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .loop import Timer
    from .manager import Manager

_CLEAN_SIGNALS = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE}
_FOLDERS = (("RuntimeDirectory", "/run"), ("StateDirectory", "/var/lib"), ("CacheDirectory", "/var/cache"), ("LogsDirectory", "/var/log"))


class Command:
    """One Exec line: its arguments, and the prefixes that change how it is run."""

    __slots__ = ("argv", "forgiving", "program")

    def __init__(self, line: str) -> None:
        flags = len(line) - len(line.lstrip("-@:+!"))
        words = unitfile.split(line[flags:])
        self.forgiving = "-" in line[:flags]
        self.program = words[0] if words else ""
        self.argv = words[1:] if "@" in line[:flags] else words


class Service:
    """A loaded unit. `active` and `sub` are systemd's ActiveState and SubState."""

    def __init__(self, manager: Manager, file: unitfile.UnitFile) -> None:
        self.manager, self.file, self.name = manager, file, file.name
        self.active, self.sub, self.result = "inactive", "dead", "success"
        self.main_pid = 0
        self.main_status: int | None = None  # wait status of the last main process
        self.since = time.time()
        self.invocation = ""
        self.restarts = 0
        self._sessions: set[int] = set()
        self._starts: list[float] = []
        self._stopping = False
        self._timer: Timer | None = None
        self._waiting: list[Callable[[str], None]] = []
        self._stopped: list[Callable[[], None]] = []
        self._drains: list[Callable[[], None]] = []

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
        self._run_all("ExecStop", self._stop_commands_done)

    def reload(self, done: Callable[[str], None]) -> None:
        """Run ExecReload."""
        if not self.file.all("Service", "ExecReload"):
            done(f"Failed to reload {self.name}: Job type reload is not applicable for unit {self.name}.")
            return
        self._run_all("ExecReload", lambda status: done("" if status == 0 else f"Job for {self.name} failed."))

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
        return process.members(self.invocation, self._sessions) if self.invocation else set()

    @property
    def title(self) -> str:
        """The name and description as systemd 252 writes them."""
        description = self.file.description
        return self.name if description == self.name else f"{self.name} - {description}"

    # Starting.

    def _may_start(self) -> bool:
        interval = self.file.seconds("Unit", "StartLimitIntervalSec", self.file.seconds("Service", "StartLimitInterval", 10.0))
        burst = self.file.get("Unit", "StartLimitBurst") or self.file.get("Service", "StartLimitBurst") or "5"
        now = time.monotonic()
        self._starts = [at for at in self._starts if now - at < interval]
        if interval > 0 and len(self._starts) >= int(burst):
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
            self.manager.say(f"{self.title} was skipped because of an unmet condition check (ConditionPathExists={condition}).", self.name)
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
        self._sessions.clear()
        for key, root in _FOLDERS:
            for folder in self.file.words("Service", key):
                os.makedirs(f"{root}/{folder}", exist_ok=True)
        self._set("activating", "start-pre")
        if self.kind not in {"simple", "idle"} or self.file.all("Service", "ExecStartPre"):
            self.manager.say(f"Starting {self.title}...", self.name)
        timeout = self.file.seconds("Service", "TimeoutStartSec", self.file.seconds("Service", "TimeoutSec", 90.0))
        if self.kind != "oneshot" and 0 < timeout < float("inf"):
            self._timer = self.manager.loop.later(timeout, self._start_timed_out)
        self._run_all("ExecStartPre", self._pre_done)

    def _pre_done(self, status: int) -> None:
        if status != 0:
            self._main_gone(status)
            return
        if self._stopping:
            return
        commands = self.file.all("Service", "ExecStart")
        self._set("activating", "start")
        if self.kind == "oneshot":
            self._run_all("ExecStart", self._main_gone, main=True)
        elif not commands:
            self.manager.say(f"{self.name}: Service has no ExecStart= setting. Refusing.", self.name, priority=ERROR)
            self.result = "exit-code"
            self._fail()
        else:
            pid = self._execute(Command(commands[-1]), self._main_gone)
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
        self._run_all("ExecStartPost", lambda _: None)
        self._finish_start("")

    def _main_gone(self, status: int) -> None:
        """Handle the end of the main process, or of the command that stands for it now."""
        for drain in self._drains:
            drain()
        if self._stopping:
            if self.sub in {"stop-sigterm", "stop-sigkill"}:
                self._check_stopped()
            return
        self.main_status = status
        clean = self._clean(status)
        if not clean:
            self.result = "exit-code" if os.WIFEXITED(status) else ("core-dump" if os.WCOREDUMP(status) else "signal")
            self.manager.say(f"{self.name}: Main process exited, {describe(status)}", self.name, priority=NOTICE)
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
                    self._run_all("ExecStartPost", lambda _: None)
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
                self.manager.say(f"{self.name}: Can't open PID file {path} (yet?) after start.", self.name, priority=NOTICE)
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
        self._run_all("ExecStopPost", lambda _: None)
        self._set("inactive", "dead") if clean else self._set("failed", "failed")
        if starting:
            self._finish_start("" if clean else self.result)
        if self._wants_restart(clean=clean):
            delay = self.file.seconds("Service", "RestartSec", 0.1)
            self._set("activating", "auto-restart")
            self._timer = self.manager.loop.later(delay, self._restart)
        else:
            self._finish_stop()

    def _wants_restart(self, *, clean: bool) -> bool:
        policy = self.file.get("Service", "Restart", "no")
        status = self.main_status if self.main_status is not None else 0
        if os.WIFEXITED(status) and str(os.WEXITSTATUS(status)) in self.file.words("Service", "RestartPreventExitStatus"):
            return False
        if policy == "always":
            return True
        if clean:
            return policy == "on-success"
        by_signal = os.WIFSIGNALED(status) or self.result == "timeout"
        return policy == "on-failure" or (policy in {"on-abnormal", "on-abort"} and by_signal)

    def _restart(self) -> None:
        self._timer = None
        self.restarts += 1
        self.manager.say(f"{self.name}: Scheduled restart job, restart counter is at {self.restarts}.", self.name)
        if self._may_start():
            self._begin()

    def _stop_commands_done(self, _status: int) -> None:
        self._kill_all()

    def _kill_all(self) -> None:
        self._set("deactivating", "stop-sigterm")
        mode = self.file.get("Service", "KillMode", "control-group")
        number = _signal(self.file.get("Service", "KillSignal", "SIGTERM"))
        if mode != "none":
            process.send(self._targets(mode), number)
        timeout = self.file.seconds("Service", "TimeoutStopSec", self.file.seconds("Service", "TimeoutSec", 90.0))
        self._cancel()
        if 0 < timeout < float("inf"):
            self._timer = self.manager.loop.later(timeout, self._stop_timed_out)
        self._check_stopped()

    def _targets(self, mode: str) -> set[int]:
        if mode in {"process", "mixed"}:
            return {self.main_pid} if self.main_pid else set()
        return self.pids()

    def _stop_timed_out(self) -> None:
        self.manager.say(f"{self.name}: State 'stop-sigterm' timed out. Killing.", self.name, priority=WARNING)
        self.result = "timeout"
        self._set("deactivating", "stop-sigkill")
        process.send(self.pids(), signal.SIGKILL)
        self._check_stopped()

    def _check_stopped(self) -> None:
        """See whether all that must go has gone; children's ends wake the loop, so only orphans need to be looked for again."""
        if self.active != "deactivating":
            return
        mode = self.file.get("Service", "KillMode", "control-group")
        left = self._targets(mode) & set(process.running()) if mode != "none" else set()
        if mode == "mixed" and not left:
            left = self.pids()
            process.send(left, signal.SIGKILL)
        if left:
            self.manager.loop.later(0.02, self._check_stopped)
            return
        self._cancel()
        self._run_all("ExecStopPost", lambda _: self._dead())

    def _dead(self) -> None:
        self.main_pid = 0
        failed = self.result == "timeout"
        if self.kind != "target":
            self._remains()
            if failed:
                self.manager.say(f"{self.name}: Failed with result '{self.result}'.", self.name, priority=WARNING)
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
        if self.file.get("Service", "KillMode", "control-group") in {"control-group", "mixed"}:
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

    # Running commands.

    def _run_all(self, key: str, done: Callable[[int], None], *, main: bool = False) -> None:
        """Run a directive's commands one after the other until one fails; `done` gets the last wait status."""
        commands = [Command(line) for line in self.file.all("Service", key)]

        def advance(status: int, forgiven: bool) -> None:
            if (status != 0 and not forgiven) or not commands:
                done(0 if forgiven else status)
                return
            command = commands.pop(0)
            pid = self._execute(command, lambda ended: advance(ended, command.forgiving))
            if main and pid is not None:
                self.main_pid = pid

        advance(0, forgiven=False)

    def _execute(self, command: Command, done: Callable[[int], None]) -> int | None:
        """Run one command; `done` gets its wait status (203 as exit status if it cannot be executed)."""
        env = self.manager.environment(self)
        argv = [word for part in command.argv for word in self._expand(part, env)]
        program = self._specifiers(command.program)
        identifier = self.file.get("Service", "SyslogIdentifier") or os.path.basename(program) or self.name
        pid = 0
        output, errors, drains = self._outputs(identifier, lambda: pid)
        null = os.open("/dev/null", os.O_RDWR)
        cwd = self._specifiers(self.file.get("Service", "WorkingDirectory", "/"))
        if cwd.lstrip("-") == "~":
            cwd = "/root"
        elif cwd.startswith("-"):
            cwd = cwd[1:] if os.path.isdir(cwd[1:]) else "/"
        try:
            pid = process.spawn(
                argv, env, files=(null, output, errors), cwd=cwd, program=process.which(program),
                umask=int(self.file.get("Service", "UMask", "0022"), 8), nice=int(self.file.get("Service", "Nice", "0")),
                body=self.manager.builtin(program, argv),
            )  # fmt: skip
        except (process.SpawnError, ValueError) as error:
            step, code = ("CHDIR", 200) if not os.path.isdir(cwd) else ("EXEC", 203)
            message = f"{self.name}: Failed at step {step} spawning {program}: {str(error).rpartition(': ')[2]}"
            self.manager.say(message, self.name, priority=ERROR)
            self.manager.loop.later(0, lambda: done(code << 8))
            return None
        finally:
            for fd in {null, output, errors}:
                os.close(fd)
        self._drains = drains
        self._sessions.add(pid)

        def ended(status: int) -> None:
            for drain in drains:
                drain()
            done(status)

        self.manager.loop.on_exit(pid, ended)
        return pid

    def _outputs(self, identifier: str, pid_of: Callable[[], int]) -> tuple[int, int, list[Callable[[], None]]]:
        fds: list[int] = []
        drains: list[Callable[[], None]] = []
        for key in ("StandardOutput", "StandardError"):
            target = self.file.get("Service", key, "journal" if not fds else "inherit")
            kind, _, path = target.partition(":")
            if kind == "inherit" and fds:
                fds.append(os.dup(fds[0]))
            elif kind == "null":
                fds.append(os.open("/dev/null", os.O_RDWR))
            elif kind in {"file", "append", "truncate"}:
                mode = {"append": os.O_APPEND, "truncate": os.O_TRUNC}.get(kind, 0)
                fds.append(os.open(self._specifiers(path), os.O_WRONLY | os.O_CREAT | mode, 0o644))
            else:
                writing, drain = self.manager.journal.stream(self.name, identifier, pid_of)
                fds.append(writing)
                drains.append(drain)
        return fds[0], fds[1], drains

    def _specifiers(self, text: str) -> str:
        """Expand the percent specifiers that make sense here."""
        if "%" not in text:
            return text
        stem = self.name.rpartition(".")[0]
        prefix, _, instance = stem.partition("@")
        values = {"%": "%", "n": self.name, "N": stem, "p": prefix, "P": prefix, "i": instance, "I": instance.replace("-", "/"),
                  "t": "/run", "S": "/var/lib", "C": "/var/cache", "L": "/var/log", "E": "/etc", "T": "/tmp", "V": "/var/tmp",
                  "h": "/root", "u": "root", "U": "0", "g": "root", "G": "0", "s": "/bin/bash", "H": self.manager.host,
                  "l": self.manager.host.partition(".")[0], "b": self.manager.boot, "m": self.manager.machine_id}  # fmt: skip
        expanded, index = "", 0
        while index < len(text):
            if text[index] == "%" and index + 1 < len(text):
                expanded += values.get(text[index + 1], text[index : index + 2])
                index += 2
            else:
                expanded += text[index]
                index += 1
        return expanded

    def _expand(self, word: str, env: dict[str, str]) -> list[str]:
        """Expand specifiers and variables of one word of a command line: ``$VAR`` alone splits into words, ``${VAR}`` does not."""
        word = self._specifiers(word)
        if word.startswith("$") and word[1:].replace("_", "a").isalnum():
            return env.get(word[1:], "").split()
        expanded, rest = "", word
        while "${" in rest:
            before, _, rest = rest.partition("${")
            name, closed, after = rest.partition("}")
            if not closed:
                expanded, rest = expanded + before + "${" + name, ""
                break
            expanded, rest = expanded + before + env.get(name, ""), after
        return [(expanded + rest).replace("$$", "$")]

    # Small things.

    def _clean(self, status: int) -> bool:
        allowed = self.file.words("Service", "SuccessExitStatus")
        if os.WIFEXITED(status):
            return os.WEXITSTATUS(status) == 0 or str(os.WEXITSTATUS(status)) in allowed
        number = os.WTERMSIG(status)
        return (number in _CLEAN_SIGNALS and self.kind != "oneshot") or signal.Signals(number).name in allowed

    def _set(self, active: str, sub: str) -> None:
        if active != self.active:
            self.since = time.time()
        self.active, self.sub = active, sub

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def describe(status: int) -> str:
    """Return a wait status in systemd's words."""
    if os.WIFEXITED(status):
        code = os.WEXITSTATUS(status)
        name = {0: "SUCCESS", 1: "FAILURE", 2: "INVALIDARGUMENT", 200: "CHDIR", 203: "EXEC"}.get(code)
        return f"code=exited, status={code}/{name or 'n/a'}"
    number = os.WTERMSIG(status)
    return f"code={'dumped' if os.WCOREDUMP(status) else 'killed'}, status={number}/{signal.Signals(number).name[3:]}"


def _signal(name: str) -> int:
    if name.isdigit():
        return int(name)
    return int(signal.Signals[name if name.startswith("SIG") else f"SIG{name}"])
