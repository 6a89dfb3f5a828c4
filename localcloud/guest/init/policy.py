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


def is_clean(file: UnitFile, status: int, *, oneshot: bool) -> bool:
    """Whether a wait status counts as success."""
    allowed = file.words("Service", "SuccessExitStatus")
    if os.WIFEXITED(status):
        return os.WEXITSTATUS(status) == 0 or str(os.WEXITSTATUS(status)) in allowed
    number = os.WTERMSIG(status)
    return (number in _CLEAN_SIGNALS and not oneshot) or signal.Signals(number).name in allowed


def restarts(file: UnitFile, status: int, result: str, *, clean: bool) -> bool:
    """Whether Restart= has the service started again after its main process ended by itself."""
    policy = file.get("Service", "Restart", "no")
    if os.WIFEXITED(status) and str(os.WEXITSTATUS(status)) in file.words(
        "Service", "RestartPreventExitStatus"
    ):
        return False
    if policy == "always":
        return True
    if clean:
        return policy == "on-success"
    by_signal = os.WIFSIGNALED(status) or result == "timeout"
    return policy == "on-failure" or (policy in {"on-abnormal", "on-abort"} and by_signal)


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
