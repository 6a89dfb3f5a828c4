"""What is told of a unit under systemd's names of its properties."""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .service import Service

_STATES = {"active", "activating", "deactivating"}
# Directives that are no properties of their own names, or none of a unit's file.
_SECTIONS = ("Service", "Unit", "Timer", "Install")


def of(service: Service, *, enabled: str = "") -> dict[str, object]:
    """Return a unit's properties; `Since` and `Tasks` are this init's own."""
    status = service.main_status
    tasks = sorted(service.pids()) if service.active in _STATES else []
    facts: dict[str, object] = {
        "Id": service.name,
        "Names": service.name,
        "Description": service.file.description,
        "LoadState": "loaded",
        "ActiveState": service.active,
        "SubState": service.sub,
        "Result": service.result,
        "MainPID": service.main_pid,
        "ControlPID": service.control_pid,
        "ExecMainPID": service.exec_pid,
        "ExecMainCode": 0 if status is None else 1 if os.WIFEXITED(status) else 2,
        "ExecMainStatus": 0 if status is None else abs(os.waitstatus_to_exitcode(status)),
        "StatusText": service.status_text,
        "NRestarts": service.restarts,
        "FragmentPath": service.file.path,
        "DropInPaths": " ".join(service.file.drop_ins),
        "SourcePath": "",
        "UnitFileState": enabled,
        "UnitFilePreset": "enabled",
        "InvocationID": service.invocation,
        "Type": service.kind,
        "Restart": service.file.get("Service", "Restart", "no"),
        "CanStart": "yes",
        "CanStop": "yes",
        "CanReload": "yes" if service.reloads else "no",
        "NeedDaemonReload": "no",
        "StateChangeTimestamp": _stamp(service.since),
        "ActiveEnterTimestamp": _stamp(service.since) if service.active == "active" else "",
        "TasksCurrent": len(tasks),
        "Since": service.since,
        "Tasks": tasks,
    }
    if service.name.endswith(".timer"):
        facts.update(service.timing())
    for section in _SECTIONS:
        for key, values in service.file.section(section).items():
            if key not in facts:
                facts[key] = " ".join(values)
    return facts


def unknown(name: str, *, masked: bool) -> dict[str, object]:
    """Return the properties of a unit that cannot be loaded."""
    state = "masked" if masked else "not-found"
    return {"Id": name, "Names": name, "LoadState": state, "ActiveState": "inactive", "SubState": "dead", "Description": name,
            "UnitFileState": "masked" if masked else "", "CanReload": "no", "CanStart": "no", "MainPID": 0}  # fmt: skip


def _stamp(moment: float) -> str:
    return time.strftime("%a %Y-%m-%d %H:%M:%S %Z", time.localtime(moment))
