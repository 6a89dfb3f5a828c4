"""systemctl: the verbs people use, with its output and exit statuses; the others are refused, with why."""

from __future__ import annotations

import io
import sys

from .. import unitfile
from . import client, unit_files, unit_queries, unit_status
from .systemctl_options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# Verbs that change units, by what the init calls them.
_CHANGES = {"start": "start", "stop": "stop", "restart": "restart", "reload": "reload", "enable": "enable", "disable": "disable",
            "kill": "kill", "try-restart": "try-restart", "condrestart": "try-restart", "reload-or-restart": "reload-or-restart",
            "force-reload": "reload-or-restart", "try-reload-or-restart": "try-reload-or-restart", "preset": "enable",
            "reenable": "reenable"}  # fmt: skip
_NO_GROUPS = "units have no control groups here"
_ONE_TARGET = "this machine has one target, multi-user.target"
_NO_SLEEP = "a machine is suspended by its cloud: gcloud compute instances suspend"
REFUSED = {"edit": "there is no editor; write a drop-in below /etc/systemd/system and run systemctl daemon-reload",
           "set-property": _NO_GROUPS, "freeze": _NO_GROUPS, "thaw": _NO_GROUPS, "isolate": _ONE_TARGET, "rescue": _ONE_TARGET,
           "emergency": _ONE_TARGET, "default": _ONE_TARGET, "set-default": _ONE_TARGET, "suspend": _NO_SLEEP, "hibernate": _NO_SLEEP,
           "hybrid-sleep": _NO_SLEEP, "kexec": "this machine has no kernel of its own", "switch-root": "this machine has no initrd",
           "list-sockets": "sockets are not served by units here; have the service listen itself",
           "list-machines": "this machine has no others in it", "clean": "remove the folders that the unit names by hand",
           "mount-image": "nothing can be mounted here", "bind": "nothing can be mounted here"}  # fmt: skip


def main(words: list[str]) -> int:
    """Run the command; its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # in order with what is said of errors
    options = Options(words)
    if options.has("--version"):
        print("systemd 252 (252)")
        return 0
    verb, names = (options.words[0], options.words[1:]) if options.words else ("list-units", [])
    if verb in REFUSED and not (verb == "set-default" and names == ["multi-user.target"]):
        print(f"systemctl {verb}: {REFUSED[verb]}", file=sys.stderr)
        return 1
    if verb in unit_files.VERBS:
        return unit_files.VERBS[verb](names)
    if verb in {"set-environment", "unset-environment", "import-environment", "show-environment"}:
        return unit_queries.environment(verb, names)
    try:
        if verb == "enable":
            names = [unit_files.linked(name) for name in names]
        units = [unitfile.unit_name(name) for name in names]
    except unitfile.UnitError as error:
        print(error, file=sys.stderr)
        return 1
    if verb in unit_queries.OF_UNITS:
        if not units and verb != "show":
            return unit_status.list_units(options, []) if verb == "status" else _missing()
        return unit_queries.OF_UNITS[verb](units, options)
    if verb in _CHANGES:
        return _change(verb, units, options) if units else _missing()
    if verb in unit_queries.OF_ALL:
        return unit_queries.OF_ALL[verb](options, names)
    return _of_the_machine(verb, units, options)


def _of_the_machine(verb: str, units: list[str], options: Options) -> int:
    if verb == "is-system-running":
        state = str(client.ask("state", wait=options.has("--wait")).get("state", "unknown"))
        if not options.quiet:
            print(state)
        return 0 if state == "running" else 1
    if verb in {"daemon-reload", "daemon-reexec"}:
        return said(client.ask("daemon-reload"))
    if verb in {"reset-failed", "poweroff", "reboot", "halt"}:
        return said(client.ask("poweroff" if verb == "halt" else verb, units=units))
    if verb in {"get-default", "set-default"}:
        if verb == "get-default":
            print("multi-user.target")
        return 0
    print(f"Unknown command verb {verb}.", file=sys.stderr)
    return 1


def _missing() -> int:
    print("Too few arguments.", file=sys.stderr)
    return 1


def said(answer: Mapping[str, Any]) -> int:
    """Print what the init answered; the exit status for it."""
    for line in answer.get("lines", []):
        print(line, file=sys.stderr)
    if answer.get("error"):
        print(answer["error"], file=sys.stderr)
        return 1
    return 0


def _change(verb: str, units: list[str], options: Options) -> int:
    asked = _CHANGES[verb]
    if asked == "reenable":
        client.ask("disable", units=units)
        asked = "enable"
    request: dict[str, object] = {"units": units, "no_block": options.has("--no-block")}
    if verb == "kill":
        number = _signal(options.values.get("s", ["SIGTERM"])[-1])
        if number is None:
            return 1
        request |= {"signal": number, "whom": options.values.get("k", ["all"])[-1]}
    answer = client.ask(asked, **request)
    if answer.get("error"):
        error = str(answer["error"])
        text = f"Failed to {verb} {units[0]}: {error}" if error.startswith("Unit ") else error
        if verb in {"enable", "disable"} and error.endswith("not found."):
            text = f"Failed to {verb} unit: Unit file {units[0]} does not exist."
        print(text, file=sys.stderr)
        return 5 if error.endswith("not found.") and verb not in {"enable", "disable"} else 1
    if not options.quiet:
        said(answer)
    for name, failure in answer.get("failures", {}).items():
        print(_job_failed(name, failure), file=sys.stderr)
    if answer.get("failures"):
        return 1
    if options.has("--now") and asked in {"enable", "disable"}:
        return _change("start" if asked == "enable" else "stop", units, Options([]))
    return 0


def _signal(name: str) -> int | None:
    import signal

    if name.isdigit():
        return int(name)
    try:
        return int(signal.Signals[name if name.startswith("SIG") else f"SIG{name}"])
    except KeyError:
        print(f"Failed to parse signal string {name}.", file=sys.stderr)
        return None


def _job_failed(name: str, failure: str) -> str:
    why = {"exit-code": "the control process exited with error code", "timeout": "a timeout was exceeded",
           "signal": "a fatal signal was delivered to the control process", "start-limit-hit": "it was attempted too often",
           "protocol": "the service did not take the steps required by its unit configuration",
           "canceled": "its job was canceled"}.get(failure, failure)  # fmt: skip
    return f'Job for {name} failed because {why}.\nSee "systemctl status {name}" and "journalctl -xeu {name}" for details.'
