"""Executing the commands of a unit: their environment, working directory, output, specifiers and variables."""

from __future__ import annotations

import os

from . import environment, policy, process, unitfile
from .journal import ERROR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .manager import Manager
    from .service import Service


class Command:
    """One Exec line: its arguments, and the prefixes that change how it is run."""

    __slots__ = ("argv", "forgiving", "program")

    def __init__(self, line: str) -> None:
        flags = len(line) - len(line.lstrip("-@:+!"))
        words = unitfile.split(line[flags:])
        self.forgiving = "-" in line[:flags]
        self.program = words[0] if words else ""
        self.argv = words[1:] if "@" in line[:flags] else words


class Commands:
    """Executes the Exec lines of one unit."""

    def __init__(self, manager: Manager, service: Service) -> None:
        self._manager, self._service = manager, service

    def run_all(self, key: str, done: Callable[[int], None], started: Callable[[int], None] | None) -> None:
        """Run a directive's commands one after the other until one fails; `done` gets the last wait status, `started` each pid."""
        commands = [Command(line) for line in self._service.file.all("Service", key)]

        def advance(status: int, *, forgiven: bool) -> None:
            broken_off = self._service.stopping and not key.startswith("ExecStop")
            if (status != 0 and not forgiven) or not commands or broken_off:
                done(0 if forgiven else status)
                return
            command = commands.pop(0)
            pid = self.execute(command, lambda ended: advance(ended, forgiven=command.forgiving))
            if pid is not None:
                (started or self._beside)(pid)

        advance(0, forgiven=False)

    def _beside(self, pid: int) -> None:
        self._service.control_pid = pid

    def execute(self, command: Command, done: Callable[[int], None]) -> int | None:
        """Run one command; `done` gets its wait status (203 as exit status if it cannot be executed)."""
        service = self._service
        env = environment.of(service, self._manager.given)
        argv = [word for part in command.argv for word in self._expand(part, env)]
        program = self._specifiers(command.program)
        identifier = (
            self._service.file.get("Service", "SyslogIdentifier")
            or os.path.basename(program)
            or self._service.name
        )
        pid = 0
        try:
            output, errors, drains = self._outputs(identifier, lambda: pid)
        except OSError as error:
            self._not_spawned("STDOUT", 209, program, f"{error.filename}: {error.strerror}", done)
            return None
        null = os.open("/dev/null", os.O_RDWR)
        cwd = self._specifiers(self._service.file.get("Service", "WorkingDirectory", "/"))
        if cwd.lstrip("-") == "~":
            cwd = "/root"
        elif cwd.startswith("-"):
            cwd = cwd[1:] if os.path.isdir(cwd[1:]) else "/"
        try:
            pid = process.spawn(
                argv, env, files=(null, output, errors), cwd=cwd, program=process.which(program),
                umask=int(self._service.file.get("Service", "UMask", "0022"), 8), nice=int(self._service.file.get("Service", "Nice", "0")),
                open_files=policy.open_files(self._service.file), body=self._manager.builtin(program, argv),
            )  # fmt: skip
        except (process.SpawnError, ValueError) as error:
            step, code = ("CHDIR", 200) if not os.path.isdir(cwd) else ("EXEC", 203)
            self._not_spawned(step, code, program, str(error).rpartition(": ")[2], done)
            return None
        finally:
            for fd in {null, output, errors}:
                os.close(fd)
        service.sessions.add(pid)

        def ended(status: int) -> None:
            for drain in drains:
                drain()
            if service.control_pid == pid:
                service.control_pid = 0
            done(status)

        self._manager.loop.on_exit(pid, ended)
        return pid

    def _not_spawned(self, step: str, code: int, program: str, why: str, done: Callable[[int], None]) -> None:
        """Have a command that could not be started end in systemd's way."""
        service = self._service
        service.say(f"{service.name}: Failed at step {step} spawning {program}: {why}", priority=ERROR)
        self._manager.loop.later(0, lambda: done(code << 8))

    def _outputs(
        self, identifier: str, pid_of: Callable[[], int]
    ) -> tuple[int, int, list[Callable[[], None]]]:
        fds: list[int] = []
        drains: list[Callable[[], None]] = []
        for key in ("StandardOutput", "StandardError"):
            target = self._service.file.get("Service", key, "journal" if not fds else "inherit")
            kind, _, path = target.partition(":")
            if kind == "inherit" and fds:
                fds.append(os.dup(fds[0]))
            elif kind == "null":
                fds.append(os.open("/dev/null", os.O_RDWR))
            elif kind in {"file", "append", "truncate"}:
                mode = {"append": os.O_APPEND, "truncate": os.O_TRUNC}.get(kind, 0)
                fds.append(os.open(self._specifiers(path), os.O_WRONLY | os.O_CREAT | mode, 0o644))
            else:
                writing, drain = self._manager.journal.stream(self._service.name, identifier, pid_of)
                fds.append(writing)
                drains.append(drain)
        return fds[0], fds[1], drains

    def _specifiers(self, text: str) -> str:
        """Expand the percent specifiers that make sense here."""
        if "%" not in text:
            return text
        stem = self._service.name.rpartition(".")[0]
        prefix, _, instance = stem.partition("@")
        values = {"%": "%", "n": self._service.name, "N": stem, "p": prefix, "P": prefix, "i": instance, "I": instance.replace("-", "/"),
                  "t": "/run", "S": "/var/lib", "C": "/var/cache", "L": "/var/log", "E": "/etc", "T": "/tmp", "V": "/var/tmp",
                  "h": "/root", "u": "root", "U": "0", "g": "root", "G": "0", "s": "/bin/bash", "H": self._manager.host,
                  "l": self._manager.host.partition(".")[0], "b": self._manager.boot, "m": self._manager.machine_id}  # fmt: skip
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
