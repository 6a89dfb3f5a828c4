"""What systemctl prints of units: their status, with processes and the end of their journal, and lists of them."""

from __future__ import annotations

import os
import sys
import time

from .. import journal
from . import client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .systemctl_options import Options


def status(units: list[str], options: Options) -> int:
    """Print what `systemctl status` does of these units; its exit status."""
    status = 0
    for facts in client.facts(units):
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
        state += f" since {facts['StateChangeTimestamp']}; {ago(time.time() - since)} ago"
    print(f"     Active: {state}")
    if facts.get("StatusText"):
        print(f'     Status: "{facts["StatusText"]}"')
    if facts.get("Triggers"):
        print(f"   Triggers: ● {facts['Triggers']}")
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


def ago(seconds: float) -> str:
    """Say a span of time as systemctl does."""
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


def list_units(options: Options, patterns: list[str]) -> int:
    """Print the units that are loaded, those that are asked for."""
    import fnmatch

    units = client.ask("list").get("units", [])
    wanted = options.values.get("t", [])
    if options.has("--failed"):
        options.values["s"] = ["failed"]
    rows = []
    for facts in sorted(units, key=lambda facts: str(facts["Id"])):
        kind = str(facts["Id"]).rpartition(".")[2]
        if patterns and not any(
            fnmatch.fnmatchcase(str(facts["Id"]), each if "." in each or "*" in each else f"{each}.service")
            for each in patterns
        ):
            continue
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
