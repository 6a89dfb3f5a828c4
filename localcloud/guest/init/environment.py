"""The environment of a unit's commands."""

from __future__ import annotations

import os

from . import unitfile
from .journal import ERROR
from .process import PATH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .service import Service

_FOLDERS = (
    ("RuntimeDirectory", "RUNTIME_DIRECTORY", "/run"),
    ("StateDirectory", "STATE_DIRECTORY", "/var/lib"),
    ("CacheDirectory", "CACHE_DIRECTORY", "/var/cache"),
    ("LogsDirectory", "LOGS_DIRECTORY", "/var/log"),
)


def of(service: Service, given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a unit's commands; `given` are those that all units have because of `systemctl set-environment`."""
    file = service.file
    env = {
        "LANG": "C.UTF-8",
        "PATH": PATH,
        **given,
        "INVOCATION_ID": service.invocation,
        "JOURNAL_STREAM": "8:0",
    }
    if file.get("Service", "User") or not file.flag("Unit", "DefaultDependencies", default=True):
        env.update(HOME="/root", LOGNAME="root", USER="root", SHELL="/bin/bash")
    if service.kind.startswith("notify") or file.get("Service", "NotifyAccess", "none") != "none":
        env["NOTIFY_SOCKET"] = "/run/systemd/notify"
    for key, name, root in _FOLDERS:
        folders = file.words("Service", key)
        if folders:
            env[name] = ":".join(f"{root}/{folder}" for folder in folders)
    env.update(_of_main_process(service))
    for line in file.all("Service", "Environment"):
        for word in unitfile.split(line):
            name, _, value = word.partition("=")
            env[name] = value
    for path in file.all("Service", "EnvironmentFile"):
        try:
            with open(path.removeprefix("-"), encoding="utf-8", errors="replace") as lines:
                env.update(_assignments(lines.read()))
        except OSError as error:
            if not path.startswith("-"):
                service.say(
                    f"{service.name}: Failed to load environment files: {error.strerror}", priority=ERROR
                )
    return env


def _of_main_process(service: Service) -> dict[str, str]:
    """Tell a unit's commands of its main process: which it is, or, to those that come after it, how it ended."""
    if not service.stopping or service.main_pid:
        return {"MAINPID": str(service.main_pid)} if service.main_pid else {}
    env = {"SERVICE_RESULT": service.result}
    status = service.main_status
    if status is None:
        return env
    if os.WIFEXITED(status):
        return {**env, "EXIT_CODE": "exited", "EXIT_STATUS": str(os.WEXITSTATUS(status))}
    import signal

    name = signal.Signals(os.WTERMSIG(status)).name.removeprefix("SIG")
    return {**env, "EXIT_CODE": "dumped" if os.WCOREDUMP(status) else "killed", "EXIT_STATUS": name}


def _assignments(text: str) -> dict[str, str]:
    """Read an environment file: shell-like assignments, comments, quotes."""
    values = {}
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped[0] in "#;" or "=" not in stripped:
            continue
        name, _, value = stripped.partition("=")
        value = value.strip()
        values[name.strip()] = (
            value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
        )
    return values
