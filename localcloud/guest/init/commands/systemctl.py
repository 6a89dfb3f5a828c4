"""systemctl: the verbs people use, with its output and exit statuses."""

from __future__ import annotations

import os
import sys
import time

from .. import journal, unitfile
from . import client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_FLAGS = {"--no-pager", "--no-legend", "--no-block", "--now", "--quiet", "-q", "--all", "-a", "--full", "-l", "--system", "--force", "-f",
          "--value", "--plain", "--no-reload", "--no-ask-password", "--runtime", "--failed", "--wait"}  # fmt: skip
_SHOWN = ("Id", "Description", "LoadState", "ActiveState", "SubState", "Result", "Type", "Restart", "NRestarts", "MainPID",
          "ExecMainStatus", "FragmentPath", "UnitFileState", "InvocationID", "StateChangeTimestamp")  # fmt: skip


class Options:
    """The command line, taken apart."""

    def __init__(self, words: list[str]) -> None:
        self.flags: set[str] = set()
        self.values: dict[str, list[str]] = {}
        self.words: list[str] = []
        index = 0
        while index < len(words):
            word = words[index]
            index += 1
            name, equals, value = word.partition("=")
            if name in {
                "-p",
                "--property",
                "-n",
                "--lines",
                "-s",
                "--signal",
                "-t",
                "--type",
                "--state",
                "-o",
                "--output",
            }:
                if not equals:
                    value = words[index] if index < len(words) else ""
                    index += 1
                self.values.setdefault(name.lstrip("-")[0], []).extend(value.split(","))
            elif word in _FLAGS:
                self.flags.add(word)
            elif word.startswith("-") and word != "-":
                print(f"systemctl: unrecognized option '{word}'", file=sys.stderr)
                sys.exit(1)
            else:
                self.words.append(word)

    def has(self, *names: str) -> bool:
        """Whether one of these flags is given."""
        return any(name in self.flags for name in names)


def main(words: list[str]) -> int:
    """Run the command; its exit status."""
    options = Options(words)
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
        "status": _status,
        "show": _show,
        "cat": _cat,
    }
    if verb in verbs:
        if not named and verb != "show":
            return _list_units(options) if verb == "status" else _missing()
        return verbs[verb](named, options)
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
        return _list_units(options)
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


def _facts(units: list[str]) -> list[Mapping[str, Any]]:
    return list(client.ask("show", units=units).get("units", []))


def _is_active(units: list[str], options: Options) -> int:
    states = [facts["ActiveState"] for facts in _facts(units)]
    if not options.has("-q", "--quiet"):
        print("\n".join(states))
    return 0 if "active" in states else 3


def _is_failed(units: list[str], options: Options) -> int:
    states = [facts["ActiveState"] for facts in _facts(units)]
    if not options.has("-q", "--quiet"):
        print("\n".join(states))
    return 0 if "failed" in states else 1


def _is_enabled(units: list[str], options: Options) -> int:
    status = 1
    for name, facts in zip(units, _facts(units), strict=True):
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
    for facts in _facts(units):
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


def _status(units: list[str], options: Options) -> int:
    status = 0
    for facts in _facts(units):
        if facts["LoadState"] == "not-found":
            print(f"Unit {facts['Id']} could not be found.", file=sys.stderr)
            status = 4
            continue
        _print_status(facts, int(options.values.get("n", ["10"])[-1]))
        if facts["ActiveState"] not in {"active", "activating"}:
            status = status or 3
    return status


def _print_status(facts: Mapping[str, Any], lines: int) -> None:
    dot = {"active": "●", "failed": "\N{MULTIPLICATION SIGN}", "activating": "●", "deactivating": "●"}.get(
        facts["ActiveState"], "○"
    )
    print(
        f"{dot} {facts['Id']}" + (f" - {facts['Description']}" if facts["Description"] != facts["Id"] else "")
    )
    enabled = f"; {facts['UnitFileState']}" if facts.get("UnitFileState") else ""
    print(f"     Loaded: {facts['LoadState']} ({facts.get('FragmentPath', '')}{enabled}; preset: enabled)")
    state = f"{facts['ActiveState']} ({facts['SubState']})"
    if facts["ActiveState"] == "failed":
        state = f"failed (Result: {facts['Result']})"
    since = facts.get("Since")
    if since and facts["ActiveState"] != "inactive":
        state += f" since {facts['StateChangeTimestamp']}; {_ago(time.time() - since)} ago"
    print(f"     Active: {state}")
    if facts.get("MainPID"):
        print(f"   Main PID: {facts['MainPID']} ({_name(facts['MainPID'])})")
    tasks = facts.get("Tasks") or []
    if tasks:
        print(f"      Tasks: {len(tasks)}")
        print(f"     CGroup: /system.slice/{facts['Id']}")
        for index, pid in enumerate(tasks):
            print(f"             {'└─' if index == len(tasks) - 1 else '├─'}{pid} {_command_line(pid)}")
    host = os.uname().nodename
    entries = [entry for entry in journal.read() if entry.unit == facts["Id"]][-lines:]
    if entries:
        print()
    for entry in entries:
        print(entry.short(host))


def _ago(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}min {whole % 60}s"
    return f"{whole // 3600}h {whole % 3600 // 60}min"


def _name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "n/a"


def _command_line(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""


def _list_units(options: Options) -> int:
    units = client.ask("list").get("units", [])
    wanted = options.values.get("t", [])
    if options.has("--failed"):
        options.values["s"] = ["failed"]
    rows = []
    for facts in sorted(units, key=lambda facts: str(facts["Id"])):
        kind = str(facts["Id"]).rpartition(".")[2]
        if (wanted and kind not in wanted) or (
            "s" in options.values and facts["ActiveState"] not in options.values["s"]
        ):
            continue
        if facts["ActiveState"] != "inactive" or options.has("--all", "-a"):
            rows.append(
                (
                    facts["Id"],
                    facts["LoadState"],
                    facts["ActiveState"],
                    facts["SubState"],
                    facts["Description"],
                )
            )
    width = max([len(row[0]) for row in rows] + [4])
    if not options.has("--no-legend"):
        print(f"  {'UNIT':<{width}} LOAD   ACTIVE     SUB          DESCRIPTION")
    for row in rows:
        print(
            f"{'●' if row[2] == 'failed' else ' '} {row[0]:<{width}} {row[1]:<6} {row[2]:<10} {row[3]:<12} {row[4]}"
        )
    if not options.has("--no-legend"):
        print(f"\n{len(rows)} loaded units listed.")
    return 0
