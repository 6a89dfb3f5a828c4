"""systemctl: the verbs people use, with its output and exit statuses."""

from __future__ import annotations

import os
import sys

from .. import unitfile
from . import client, unit_status
from .systemctl_options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_SHOWN = ("Id", "Description", "LoadState", "ActiveState", "SubState", "Result", "Type", "Restart", "NRestarts", "MainPID",
          "ExecMainStatus", "FragmentPath", "UnitFileState", "InvocationID", "StateChangeTimestamp")  # fmt: skip


def main(words: list[str]) -> int:
    """Run the command; its exit status."""
    options = Options(words)
    if options.has("--version"):
        print("systemd 252 (252)")
        return 0
    verb, units = (options.words[0], options.words[1:]) if options.words else ("list-units", [])
    try:
        named = [unitfile.unit_name(name) for name in units]
    except unitfile.UnitError as error:
        print(error, file=sys.stderr)
        return 1
    verbs = {
        "is-active": _is_active,
        "is-failed": _is_failed,
        "is-enabled": _is_enabled,
        "status": unit_status.status,
        "show": _show,
        "cat": _cat,
    }
    if verb in verbs:
        if not named and verb != "show":
            return unit_status.list_units(options) if verb == "status" else _missing()
        return verbs[verb](named, options)
    if verb == "preset":  # Debian's: what is installed is enabled
        verb = "enable"
    if verb in {
        "start",
        "stop",
        "restart",
        "reload",
        "enable",
        "disable",
        "kill",
        "try-restart",
        "reload-or-restart",
        "mask",
        "unmask",
    }:
        return _change(verb, named, options) if named else _missing()
    if verb in {"list-units", "list-unit-files"}:
        return unit_status.list_units(options)
    if verb == "is-system-running":
        state = str(client.ask("state", wait=options.has("--wait")).get("state", "unknown"))
        print(state)
        return 0 if state == "running" else 1
    if verb in {"daemon-reload", "daemon-reexec"}:
        return _said(client.ask("daemon-reload"))
    if verb in {"reset-failed", "poweroff", "reboot", "halt"}:
        return _said(client.ask("poweroff" if verb == "halt" else verb, units=named))
    if verb == "get-default":
        print("multi-user.target")
        return 0
    print(f"Unknown command verb {verb}.", file=sys.stderr)
    return 1


def _missing() -> int:
    print("Too few arguments.", file=sys.stderr)
    return 1


def _said(answer: Mapping[str, Any]) -> int:
    for line in answer.get("lines", []):
        print(line, file=sys.stderr)
    if answer.get("error"):
        print(answer["error"], file=sys.stderr)
        return 1
    return 0


def _change(verb: str, units: list[str], options: Options) -> int:
    if verb in {"mask", "unmask"}:
        return _mask(units, on=verb == "mask")
    if verb in {"try-restart", "reload-or-restart"}:
        verb = "restart"
    request: dict[str, object] = {"units": units, "no_block": options.has("--no-block")}
    if verb == "kill":
        import signal

        name = options.values.get("s", ["SIGTERM"])[-1]
        numbered = (
            signal.Signals[name if name.startswith("SIG") else f"SIG{name}"]
            if not name.isdigit()
            else int(name)
        )
        request["signal"] = int(numbered)
    answer = client.ask(verb, **request)
    if answer.get("error"):
        error = str(answer["error"])
        text = f"Failed to {verb} {units[0]}: {error}" if error.startswith("Unit ") else error
        if verb in {"enable", "disable"} and error.endswith("not found."):
            text = f"Failed to {verb} unit: Unit file {units[0]} does not exist."
        print(text, file=sys.stderr)
        return 5 if error.endswith("not found.") and verb not in {"enable", "disable"} else 1
    _said(answer)
    for name, failure in answer.get("failures", {}).items():
        print(_job_failed(name, failure), file=sys.stderr)
    if answer.get("failures"):
        return 1
    if options.has("--now") and verb in {"enable", "disable"}:
        return _change("start" if verb == "enable" else "stop", units, Options([]))
    return 0


def _job_failed(name: str, failure: str) -> str:
    why = {"exit-code": "the control process exited with error code", "timeout": "a timeout was exceeded",
           "signal": "a fatal signal was delivered to the control process", "start-limit-hit": "it was attempted too often",
           "canceled": "its job was canceled"}.get(failure, failure)  # fmt: skip
    return f'Job for {name} failed because {why}.\nSee "systemctl status {name}" and "journalctl -xeu {name}" for details.'


def _mask(units: list[str], *, on: bool) -> int:
    for name in units:
        link = f"/etc/systemd/system/{name}"
        if on and not os.path.lexists(link):
            os.symlink("/dev/null", link)
            print(f"Created symlink {link} → /dev/null.", file=sys.stderr)
        elif not on and os.path.islink(link) and os.readlink(link) == "/dev/null":
            os.unlink(link)
            print(f"Removed {link}.", file=sys.stderr)
    return _said(client.ask("daemon-reload"))


def _is_active(units: list[str], options: Options) -> int:
    states = [facts["ActiveState"] for facts in client.facts(units)]
    if not options.has("-q", "--quiet"):
        print("\n".join(states))
    return 0 if "active" in states else 3


def _is_failed(units: list[str], options: Options) -> int:
    states = [facts["ActiveState"] for facts in client.facts(units)]
    if not options.has("-q", "--quiet"):
        print("\n".join(states))
    return 0 if "failed" in states else 1


def _is_enabled(units: list[str], options: Options) -> int:
    status = 1
    for name, facts in zip(units, client.facts(units), strict=True):
        state = facts["UnitFileState"]
        if facts["LoadState"] == "not-found":
            print(f"Failed to get unit file state for {name}: No such file or directory", file=sys.stderr)
            continue
        if not options.has("-q", "--quiet"):
            print(state)
        if state in {"enabled", "static", "transient"}:
            status = 0
    return status


def _show(units: list[str], options: Options) -> int:
    wanted = options.values.get("p") or list(_SHOWN)
    for facts in client.facts(units):
        for name in wanted:
            if name in facts and name not in {"Tasks", "Since"}:
                print(facts[name] if options.has("--value") else f"{name}={facts[name]}")
    return 0


def _cat(units: list[str], _: Options) -> int:
    for name in units:
        path = unitfile.find(name)
        if path is None:
            print(f"No files found for {name}.", file=sys.stderr)
            return 1
        with open(path, encoding="utf-8", errors="replace") as file:
            print(f"# {path}\n{file.read()}", end="")
    return 0
