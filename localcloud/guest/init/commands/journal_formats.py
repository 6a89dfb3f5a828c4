"""How journalctl prints entries: the output modes that are asked for with -o."""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..journal import Entry

_SHORT = frozenset(
    {"short", "short-full", "short-iso", "short-iso-precise", "short-precise", "short-unix", "with-unit"}
)
_OTHERS = frozenset({"cat", "json", "json-pretty", "verbose"})
MODES = _SHORT | _OTHERS


def of(mode: str) -> Callable[[Entry], str]:
    """Return the function that makes an entry what is printed of it.

    Raises:
        ValueError: there is no such mode.
    """
    if mode not in MODES:
        msg = f"Unknown output format '{mode}'."
        raise ValueError(msg)
    host = os.uname().nodename
    if mode == "cat":
        return lambda entry: entry.message
    if mode in {"json", "json-pretty"}:
        import json

        indent = "\t" if mode == "json-pretty" else None
        return lambda entry: json.dumps(_fields(entry, host), indent=indent)
    if mode == "verbose":
        return lambda entry: _verbose(entry, host)
    if mode == "short":
        return lambda entry: entry.short(host)
    return lambda entry: f"{_stamp(mode, entry.at)} {host} {_who(mode, entry)}: {entry.message}"


def is_short(mode: str) -> bool:
    """Whether a mode has one line for each entry, with lines between boots."""
    return mode in _SHORT


def _fields(entry: Entry, host: str) -> dict[str, str]:
    return {"__REALTIME_TIMESTAMP": str(entry.at), "_BOOT_ID": entry.boot, "_HOSTNAME": host, "_SYSTEMD_UNIT": entry.unit,
            "SYSLOG_IDENTIFIER": entry.identifier, "_PID": str(entry.pid), "PRIORITY": str(entry.priority),
            "MESSAGE": entry.message}  # fmt: skip


def _verbose(entry: Entry, host: str) -> str:
    fields = _fields(entry, host)
    stamp = fields.pop("__REALTIME_TIMESTAMP")
    head = f"{time.strftime('%a %Y-%m-%d %H:%M:%S', time.localtime(entry.at / 1e6))}.{stamp[-6:]} {time.strftime('%Z')}"
    return "\n".join([head, *(f"    {name}={value}" for name, value in fields.items() if value)])


def _stamp(mode: str, at: int) -> str:
    seconds, rest = divmod(at, 1_000_000)
    local = time.localtime(seconds)
    if mode in {"short-full", "with-unit"}:
        return time.strftime("%a %Y-%m-%d %H:%M:%S %Z", local)
    if mode == "short-iso":
        return time.strftime("%Y-%m-%dT%H:%M:%S%z", local)
    if mode == "short-iso-precise":
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', local)}.{rest:06d}{time.strftime('%z', local)}"
    if mode == "short-unix":
        return f"{seconds}.{rest:06d}"
    return f"{time.strftime('%b %d %H:%M:%S', local)}.{rest:06d}"  # short-precise


def _who(mode: str, entry: Entry) -> str:
    process = f"[{entry.pid}]" if entry.pid else ""
    name = f"{entry.unit}/{entry.identifier}" if mode == "with-unit" and entry.unit else entry.identifier
    return f"{name}{process}"
