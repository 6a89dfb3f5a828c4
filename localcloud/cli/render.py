"""How the command shows things to a person; with --json it shows them to a program instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.timestamp import rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def clock_line(clock: Mapping[str, Any]) -> str:
    """Say which clock times are shown in."""
    speed = clock["speed"]
    pace = "as fast as the wall clock" if speed == 1 else f"{speed:g} times as fast as the wall clock"
    return f"cloud clock {clock['time']} ({pace})"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align columns under their headings."""
    widths = [max(len(row[index]) for row in (columns, *rows)) for index in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (columns, *rows)
    )


def started(report: Mapping[str, Any]) -> str:
    """Render `localcloud start`: what runs, and what is wrong; what holds instances is for who asks for the status."""
    return "\n".join([*_cloud(report), *_content(report)])


def status(report: Mapping[str, Any]) -> str:
    """Render `localcloud status`."""
    instances = [
        f"instances    on {report['instances']['system']}",
        f"             {report['instances']['limits']}",
        f"             control groups: {report['instances']['control_groups']}",
        f"             room for {report['instances']['room']}",
    ]
    return "\n".join([*_cloud(report), *instances, *_content(report)])


def _cloud(report: Mapping[str, Any]) -> list[str]:
    return [
        f"local cloud  pid {report['pid']}  {report['endpoint']}  project {report['project']}",
        f"             {clock_line(report['clock'])}",
    ]


def _content(report: Mapping[str, Any]) -> list[str]:
    """Say what is in the cloud, and what hinders it."""
    lines = []
    for group in report["groups"]:
        actions = (
            ", ".join(f"{count} {action}" for action, count in group["actions"].items() if action != "none")
            or "none"
        )
        state = "stable" if group["stable"] else "changing"
        lines.append(
            f"group        {group['name']} ({group['location']})  target size {group['target_size']}  {state}  actions: {actions}"
        )
    lines += [
        f"forwarding   {rule['name']}  {rule['address']}  {rule['protocol']} {', '.join(map(str, rule['ports']))}{_elsewhere(rule)}"
        for rule in report["forwarding_rules"]
    ]
    lines += [f"FAULT        {fault['name']}: {fault['does']}" for fault in report["faults"]]
    lines += [f"NOT SERVED   {rule}: {words}" for rule, words in report["problems"].items()]
    lines += [f"AILING       {words}; see its log" for words in report["ailing"].values()]
    lines += _border(report["border"] or {})
    lines += [
        f"DENIED       {denial['principal']} lacks {denial['permission']} on {denial['resource']} (last at {rfc3339(denial['at'])}, "
        f"{denial['count']} times); grant it a role that has it, for instance {denial['role']}"
        for denial in report["denied"]
    ]
    return lines


def _elsewhere(rule: Mapping[str, Any]) -> str:
    """Say where an IPv6 rule is to be found: its address is none of this machine's."""
    if ":" not in rule["address"] or not rule["reached_at"]:
        return ""
    return f"  (here at {', '.join(rule['reached_at'])})"


def _border(counted: Mapping[str, int]) -> list[str]:
    """Say what was to leave this machine, if anything was."""
    lines = []
    if kept := counted.get("astray"):
        lines.append(
            f"KEPT IN      {kept} packet{'' if kept == 1 else 's'} from instances to addresses outside: nothing leaves this machine"
        )
    if got := counted.get("outside"):
        lines.append(
            f"KEPT IN      {got} packet{'' if got == 1 else 's'} at the last gate, where none should come: please report it"
        )
    return lines


def instances(found: Sequence[Mapping[str, Any]]) -> str:
    """Render `localcloud instances`."""
    rows = [
        [
            item["name"],
            item["zone"],
            item["address"],
            item["status"],
            item["action"],
            item["autohealing"] or "-",
            item["balancer"] or "-",
            "-" if item["cpu"] is None else f"{item['cpu']:.0%}",
        ]
        for item in found
    ]
    return table(["NAME", "ZONE", "ADDRESS", "STATUS", "ACTION", "AUTOHEALING", "BALANCER", "CPU"], rows)


def faults(found: Sequence[Mapping[str, Any]]) -> str:
    """Render `localcloud fault list`."""
    rows = [[item["name"], item["does"], item["ends"] or "when cleared", item["state"]] for item in found]
    return table(["NAME", "WHAT", "ENDS", "STATE"], rows) if rows else "no faults"


def event(line: Mapping[str, Any]) -> str:
    """Render one line of `localcloud events`."""
    return f"{line['time']}  {line['kind']:<22}  {line['subject']:<24}  {line['message']}"
