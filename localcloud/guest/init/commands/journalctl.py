"""journalctl: -u, -t, -n, -f, -b, -r, -o short|cat|json|short-iso, --since, --until, -g, -p, --no-pager."""

from __future__ import annotations

import fnmatch
import os
import sys
import time

from .. import journal, unitfile
from . import client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_VALUED = {"-u": "unit", "--unit": "unit", "-t": "identifier", "--identifier": "identifier", "-n": "lines", "--lines": "lines",
           "-o": "output", "--output": "output", "-S": "since", "--since": "since", "-U": "until", "--until": "until",
           "-p": "priority", "--priority": "priority", "-g": "grep", "--grep": "grep"}  # fmt: skip
_PLAIN = {"-f": "follow", "--follow": "follow", "-r": "reverse", "--reverse": "reverse", "--no-pager": "", "-x": "", "-e": "end",
          "--pager-end": "end", "-a": "", "--all": "", "-q": "quiet", "--quiet": "quiet", "--no-hostname": "no-hostname", "-l": "",
          "--full": "", "-k": "kernel", "--dmesg": "kernel", "--utc": "", "--system": "", "-m": "", "--catalog": ""}  # fmt: skip
_LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")


def main(words: list[str]) -> int:
    """Run the command; its exit status."""
    given, status = _parse(words)
    if status:
        return status
    try:
        keep = _filter(given)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    show = _format(given)
    entries = [entry for entry in journal.read(_boot(given)) if keep(entry)]
    limit = given.get("lines", [None])[-1]
    if limit is None and ("follow" in given or "end" in given):
        limit = "10" if "follow" in given else "1000"
    if limit is not None and limit.isdigit():
        entries = entries[-int(limit) :] if int(limit) else []
    if "reverse" in given:
        entries.reverse()
    if not entries and "follow" not in given and "quiet" not in given:
        print("-- No entries --")
    for entry in entries:
        print(show(entry))
    if "follow" in given:
        sys.stdout.flush()
        for line in client.stream("follow"):
            followed = journal.Entry.decode(line)
            if followed is not None and keep(followed):
                print(show(followed), flush=True)
    return 0


def _parse(words: list[str]) -> tuple[dict[str, list[str]], int]:
    given: dict[str, list[str]] = {}
    words = list(words)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if len(word) > 2 and word[0] == "-" and word[1] != "-":  # -xeu UNIT, -n50, -fu UNIT
            if word[:2] in _VALUED:
                words[:0] = [word[:2], word[2:]]
            else:
                words[:0] = [word[:2], "-" + word[2:]]
            continue
        if name in {"-b", "--boot"}:
            if not equals and words and (words[0].lstrip("-").isdigit() or words[0] == "all"):
                value = words.pop(0)
            given["boot"] = [value or "0"]
        elif name in _VALUED:
            if not equals:
                if not words:
                    print(f"journalctl: option requires an argument -- '{word.lstrip('-')}'", file=sys.stderr)
                    return given, 1
                value = words.pop(0)
            given.setdefault(_VALUED[name], []).append(value)
        elif word in _PLAIN:
            given[_PLAIN[word]] = []
        elif "=" in word and word.split("=", 1)[0] in {"_SYSTEMD_UNIT", "UNIT", "SYSLOG_IDENTIFIER", "_PID"}:
            given.setdefault(word.split("=", 1)[0], []).append(value)
        else:
            print(f"journalctl: unrecognized option '{word}'", file=sys.stderr)
            return given, 1
    return given, 0


def _boot(given: dict[str, list[str]]) -> str | None:
    which = given.get("boot", ["all"])[0]
    if which == "all":
        return None
    boots: list[str] = []
    for entry in journal.read():
        if entry.boot not in boots:
            boots.append(entry.boot)
    number = int(which)
    index = number - 1 if number > 0 else len(boots) - 1 + number
    return boots[index] if 0 <= index < len(boots) else ""


def _filter(given: dict[str, list[str]]) -> Callable[[journal.Entry], bool]:
    units = [
        unitfile.unit_name(name)
        for name in given.get("unit", []) + given.get("_SYSTEMD_UNIT", []) + given.get("UNIT", [])
    ]
    identifiers = given.get("identifier", []) + given.get("SYSLOG_IDENTIFIER", [])
    pids = given.get("_PID", [])
    since = _moment(given["since"][-1]) if "since" in given else 0.0
    until = _moment(given["until"][-1]) if "until" in given else float("inf")
    level = given.get("priority", ["7"])[-1].rpartition("..")[2]
    threshold = int(level) if level.isdigit() else _LEVELS.index(level)
    pattern = given.get("grep", [""])[-1]

    def keep(entry: journal.Entry) -> bool:
        if "kernel" in given or (units and not any(fnmatch.fnmatchcase(entry.unit, unit) for unit in units)):
            return False
        if (identifiers and entry.identifier not in identifiers) or (pids and str(entry.pid) not in pids):
            return False
        if pattern:
            import re

            if not re.search(pattern, entry.message, re.IGNORECASE if pattern == pattern.lower() else 0):
                return False
        return since <= entry.at / 1e6 <= until and entry.priority <= threshold

    return keep


def _moment(text: str) -> float:
    """Read a time: ``2026-11-23 04:15:45``, ``04:15``, ``today``, ``-5min``, ``5 minutes ago``, ``@seconds``."""
    now = time.time()
    words = text.strip()
    midnight = time.mktime((*time.localtime(now)[:3], 0, 0, 0, 0, 0, -1))
    named = {"now": now, "today": midnight, "yesterday": midnight - 86400, "": now}
    if words in named:
        return named[words]
    if words.startswith("@"):
        return float(words[1:])
    relative = (
        words.removesuffix("ago").strip()
        if words.endswith("ago")
        else (words[1:] if words[0] in "-+" else "")
    )
    if relative:
        seconds = unitfile.parse_seconds(relative, -1.0)
        if seconds >= 0:
            return now + seconds if words[0] == "+" else now - seconds
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"):
        try:
            return time.mktime(time.strptime(words, form))
        except ValueError:
            continue
    for form in ("%H:%M:%S", "%H:%M"):
        try:
            clock = time.strptime(words, form)
        except ValueError:
            continue
        return midnight + clock.tm_hour * 3600 + clock.tm_min * 60 + clock.tm_sec
    msg = f"Failed to parse timestamp: {text}"
    raise ValueError(msg)


def _format(given: dict[str, list[str]]) -> Callable[[journal.Entry], str]:
    host = os.uname().nodename
    output = given.get("output", ["short"])[-1]
    if output == "cat":
        return lambda entry: entry.message
    if output == "json":
        import json

        return lambda entry: json.dumps(
            {"__REALTIME_TIMESTAMP": str(entry.at), "_BOOT_ID": entry.boot, "_HOSTNAME": host, "_SYSTEMD_UNIT": entry.unit,
             "SYSLOG_IDENTIFIER": entry.identifier, "_PID": str(entry.pid), "PRIORITY": str(entry.priority),
             "MESSAGE": entry.message}
        )  # fmt: skip
    if output.startswith("short-iso"):

        def iso(entry: journal.Entry) -> str:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(entry.at / 1e6))
            return f"{stamp} {entry.short(host)[16:]}"

        return iso
    return lambda entry: entry.short(host)
