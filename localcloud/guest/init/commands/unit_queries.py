"""What systemctl is asked of units: is-active and its like, properties, files, lists, and the variables that all units are given."""

from __future__ import annotations

import fnmatch
import os
import sys
import time

from .. import unitfile
from . import client, unit_status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .systemctl_options import Options

_SHOWN = ("Id", "Names", "Description", "LoadState", "ActiveState", "SubState", "Result", "Type", "Restart", "NRestarts", "MainPID",
          "ExecMainStatus", "FragmentPath", "UnitFileState", "InvocationID", "StateChangeTimestamp", "CanReload")  # fmt: skip
_OWN = {"Tasks", "Since", "NextElapse", "LastTrigger"}


def _state_is(wanted: str, otherwise: int) -> Callable[[list[str], Options], int]:
    def ask(units: list[str], options: Options) -> int:
        states = [facts["ActiveState"] for facts in client.facts(units)]
        if not options.quiet:
            print("\n".join(states))
        return 0 if wanted in states else otherwise

    return ask


def _is_enabled(units: list[str], options: Options) -> int:
    status = 1
    for name, facts in zip(units, client.facts(units), strict=True):
        state = facts["UnitFileState"]
        if facts["LoadState"] == "not-found":
            print(f"Failed to get unit file state for {name}: No such file or directory", file=sys.stderr)
            continue
        if not options.quiet:
            print(state)
        if state in {"enabled", "static", "transient"}:
            status = 0
    return status


def _show(units: list[str], options: Options) -> int:
    wanted = options.values.get("p")
    for number, facts in enumerate(client.facts(units)):
        if number:
            print()
        for name in wanted or _SHOWN:
            if name in _OWN or (name not in facts and not wanted):
                continue
            value = facts.get(name, "")
            if name in facts or name in unitfile.KNOWN["Service"] | unitfile.KNOWN["Unit"]:
                print(value if options.has("--value") else f"{name}={value}")
    return 0


def _cat(units: list[str], _: Options) -> int:
    for number, name in enumerate(units):
        path = unitfile.find(name)
        if path is None:
            print(f"No files found for {name}.", file=sys.stderr)
            return 1
        if number:
            print()
        drop_ins = [] if os.path.realpath(path) == "/dev/null" else unitfile.load(name).drop_ins
        for part in [path, *drop_ins]:
            with open(part, encoding="utf-8", errors="replace") as file:
                print(f"{chr(10) if part != path else ''}# {part}\n{file.read()}", end="")
    return 0


def _list_dependencies(units: list[str], _: Options) -> int:
    def show(name: str, depth: int, seen: frozenset[str]) -> None:
        print(f"{'● ' if depth else ''}{'  ' * max(depth - 1, 0)}{'└─' if depth else ''}{name}")
        try:
            file = unitfile.load(name)
        except unitfile.UnitError:
            return
        for key in ("Requires", "Wants", "BindsTo"):
            for other in file.words("Unit", key):
                if other not in seen:
                    show(other, depth + 1, seen | {other})

    for name in units:
        show(name, 0, frozenset({name}))
    return 0


def _is_among(name: str, patterns: list[str]) -> bool:
    """Whether one of the patterns is for this name, or there are none."""
    return not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _list_unit_files(options: Options, patterns: list[str]) -> int:
    found = {}
    for folder in reversed(unitfile.PATHS):
        if os.path.isdir(folder):
            for name in os.listdir(folder):
                if name.endswith(unitfile.SUFFIXES) and "@." not in name:
                    found[name] = folder
    kinds = options.values.get("t", [])
    names = sorted(
        name
        for name in found
        if (not kinds or name.rpartition(".")[2] in kinds) and _is_among(name, patterns)
    )
    states = {str(facts["Id"]): str(facts.get("UnitFileState", "")) for facts in client.facts(names)}
    rows = [(name, states.get(name, "")) for name in names]
    if "s" in options.values:
        rows = [row for row in rows if row[1] in options.values["s"]]
    width = max([len(row[0]) for row in rows] + [len("UNIT FILE")])
    if not options.has("--no-legend"):
        print(f"{'UNIT FILE':<{width}} STATE    PRESET")
    for name, state in rows:
        print(f"{name:<{width}} {state:<8} enabled")
    if not options.has("--no-legend"):
        print(f"\n{len(rows)} unit files listed.")
    return 0


def _list_timers(options: Options, patterns: list[str]) -> int:
    units = [
        facts
        for facts in client.ask("list").get("units", [])
        if str(facts["Id"]).endswith(".timer") and _is_among(str(facts["Id"]), patterns)
    ]
    if not options.has("--all", "-a"):
        units = [facts for facts in units if facts["ActiveState"] == "active"]
    rows = [("NEXT", "LEFT", "LAST", "PASSED", "UNIT", "ACTIVATES")]
    now = time.time()
    for facts in sorted(units, key=lambda facts: float(facts["NextElapse"]) or float("inf")):
        coming, last = float(facts["NextElapse"]), float(facts["LastTrigger"])
        rows.append(
            (
                _moment(coming),
                f"{unit_status.ago(max(coming - now, 0))} left" if coming else "-",
                _moment(last),
                f"{unit_status.ago(now - last)} ago" if last else "-",
                str(facts["Id"]),
                str(facts["Triggers"]),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows[1 if options.has("--no-legend") else 0 :]:
        print(" ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    if not options.has("--no-legend"):
        print(f"\n{len(rows) - 1} timers listed.")
    return 0


def _moment(moment: float) -> str:
    return time.strftime("%a %Y-%m-%d %H:%M:%S %Z", time.localtime(moment)) if moment else "-"


def _list_jobs(_: Options, __: list[str]) -> int:
    print("No jobs running.")
    return 0


def environment(verb: str, words: list[str]) -> int:
    """Show or change the variables that all units are given."""
    given = {}
    if verb == "set-environment":
        wrong = [word for word in words if not word.partition("=")[0].isidentifier() or "=" not in word]
        if wrong:
            print(f"Failed to set environment: Invalid environment assignments: {wrong[0]}", file=sys.stderr)
            return 1
        given = {"set": words}
    elif verb == "unset-environment":
        given = {"unset": words}
    elif verb == "import-environment":
        given = {"set": [f"{name}={os.environ[name]}" for name in words or os.environ if name in os.environ]}
    answer = client.ask("environment", **given)
    if verb == "show-environment":
        for name, value in sorted(answer.get("environment", {}).items()):
            print(f"{name}={value}")
    return 0


OF_UNITS: dict[str, Callable[[list[str], Options], int]] = {
    "is-active": _state_is("active", 3),
    "is-failed": _state_is("failed", 1),
    "is-enabled": _is_enabled,
    "status": unit_status.status,
    "show": _show,
    "cat": _cat,
    "list-dependencies": _list_dependencies,
}
OF_ALL: dict[str, Callable[[Options, list[str]], int]] = {
    "list-units": unit_status.list_units,
    "list-unit-files": _list_unit_files,
    "list-timers": _list_timers,
    "list-jobs": _list_jobs,
}
