"""What a unit's settings mean: limits, timeouts, when an end is clean, when to start again. Decisions only, no deeds."""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .service import Service
    from .unitfile import UnitFile

_CLEAN_SIGNALS = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE}
_DEFAULT_TIMEOUT = 90.0  # seconds, as systemd
_STATUS_NAMES = {0: "SUCCESS", 1: "FAILURE", 2: "INVALIDARGUMENT", 200: "CHDIR", 203: "EXEC"}


def start_limit(file: UnitFile) -> tuple[float, int]:
    """Return how many starts are allowed in how many seconds, as (seconds, starts)."""
    interval = file.seconds(
        "Unit", "StartLimitIntervalSec", file.seconds("Service", "StartLimitInterval", 10.0)
    )
    burst = file.get("Unit", "StartLimitBurst") or file.get("Service", "StartLimitBurst") or "5"
    return interval, int(burst) if burst.isdigit() else 5


def timeout(file: UnitFile, key: str) -> float:
    """Return a timeout in seconds; 0 and infinity both mean none."""
    return file.seconds("Service", key, file.seconds("Service", "TimeoutSec", _DEFAULT_TIMEOUT))


def kill_mode(file: UnitFile) -> str:
    """Return whom stopping kills: control-group, mixed, process or none."""
    return file.get("Service", "KillMode", "control-group")


def kill_signal(file: UnitFile) -> int:
    """Return the signal that asks a service to end."""
    name = file.get("Service", "KillSignal", "SIGTERM")
    if name.isdigit():
        return int(name)
    name = name if name.startswith("SIG") else f"SIG{name}"
    return int(signal.Signals[name]) if name in signal.Signals.__members__ else int(signal.SIGTERM)


def open_files(file: UnitFile) -> int:
    """Return how many files a service may have open, 0 where it does not say; of a soft and a hard limit the soft one."""
    value = file.get("Service", "LimitNOFILE").partition(":")[0]
    if value == "infinity":
        return 1 << 30
    return int(value) if value.isdigit() else 0


def pid_file(file: UnitFile) -> str:
    """Return where a forking service tells its main process, "" if nowhere."""
    path = file.get("Service", "PIDFile")
    return path if not path or path.startswith("/") else f"/run/{path}"


def is_clean(file: UnitFile, status: int, *, oneshot: bool) -> bool:
    """Whether a wait status counts as success."""
    if status == 0 or _is_among(status, file.words("Service", "SuccessExitStatus")):
        return True
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) in _CLEAN_SIGNALS and not oneshot


def restarts(file: UnitFile, status: int | None, result: str) -> bool:
    """Whether Restart= has the service started again after it ended by itself; `status` is that of its main process, if it had one."""
    policy = file.get("Service", "Restart", "no")
    if status is not None and _is_among(status, file.words("Service", "RestartPreventExitStatus")):
        return False
    if status is not None and _is_among(status, file.words("Service", "RestartForceExitStatus")):
        return True
    results = {
        "always": True,
        "on-success": result == "success",
        "on-failure": result != "success",
        "on-abnormal": result not in {"success", "exit-code"},
        "on-abort": result in {"signal", "core-dump"},
    }
    return results.get(policy, False)


def _is_among(status: int, listed: list[str]) -> bool:
    """Whether a wait status is one of these exit statuses and names of signals."""
    if os.WIFEXITED(status):
        return str(os.WEXITSTATUS(status)) in listed
    return signal.Signals(os.WTERMSIG(status)).name in listed


def failure(status: int) -> str:
    """Return systemd's word for a wait status that is no success."""
    if os.WIFEXITED(status):
        return "exit-code"
    return "core-dump" if os.WCOREDUMP(status) else "signal"


def describe(status: int) -> str:
    """Return a wait status in systemd's words."""
    if os.WIFEXITED(status):
        code = os.WEXITSTATUS(status)
        return f"code=exited, status={code}/{_STATUS_NAMES.get(code, 'n/a')}"
    number = os.WTERMSIG(status)
    return f"code={'dumped' if os.WCOREDUMP(status) else 'killed'}, status={number}/{signal.Signals(number).name[3:]}"


def order(jobs: dict[str, Service], pulled_in: Callable[[Service], Iterable[str]]) -> dict[str, set[str]]:
    """Return, for each of the units that are to be started together, those that have to be up before it is begun."""
    before: dict[str, set[str]] = {name: set() for name in jobs}
    for name, service in jobs.items():
        before[name] |= {other for other in service.file.words("Unit", "After") if other in jobs}
        for other in service.file.words("Unit", "Before"):
            if other in jobs:
                before[other].add(name)
        if service.kind == "target":
            before[name] |= {
                other for other in pulled_in(service) if other in jobs and jobs[other].kind != "target"
            }
    return before
