"""journalctl: which entries are shown (-u, -t, -n, -b, --since, -p, ...), in which order, and following them (-f)."""

from __future__ import annotations

import fnmatch
import os
import sys
import time

from .. import journal, unitfile
from . import client, journal_formats, journal_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")


def main(words: list[str]) -> int:
    """Run the command; its exit status."""
    try:
        given = journal_options.parse(words)
        if "flush" in given:  # what is said is written at once
            return 0
        if "disk-usage" in given:
            taken = sum(
                os.path.getsize(path) for path in (journal.FILE, journal.ROTATED) if os.path.exists(path)
            )
            print(f"Archived and active journals take up {taken / (1 << 20):.1f}M in the file system.")
            return 0
        # First the stream, then what is there already: else what comes in between would be in neither.
        began = time.time_ns() // 1000
        stream = client.stream("follow") if "follow" in given else None
        if stream is not None:
            next(stream, b"")  # the init's word that the stream has begun
        everything = journal.read()
        keep, show = _filter(given), journal_formats.of(_mode(given))
        entries = _selected(given, everything, keep)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    if "list-boots" in given:
        return _list_boots(everything)
    if not entries and stream is None and "quiet" not in given:
        print("-- No entries --")
    before = entries[0].boot if entries else ""
    for entry in entries:
        if entry.boot != before and journal_formats.is_short(_mode(given)) and "quiet" not in given:
            print(f"-- Boot {entry.boot} --")
        before = entry.boot
        print(show(entry))
    if stream is not None:
        sys.stdout.flush()
        there = {entry.encode() for entry in everything if entry.at >= began}
        for line in stream:
            followed = journal.Entry.decode(line)
            if followed is not None and line not in there and keep(followed):
                print(show(followed), flush=True)
    return 0


def _selected(
    given: dict[str, list[str]], everything: list[journal.Entry], keep: Callable[[journal.Entry], bool]
) -> list[journal.Entry]:
    """Return the entries to be shown, in order.

    Raises:
        ValueError: the boot or the number asked for is none.
    """
    boot, limit = _boot(given, everything), _limit(given)
    entries = [entry for entry in everything if boot in {None, entry.boot} and keep(entry)]
    if limit is not None:
        entries = entries[len(entries) - min(limit, len(entries)) :]
    return entries[::-1] if "reverse" in given else entries


def _mode(given: dict[str, list[str]]) -> str:
    return given.get("output", ["short"])[-1]


def _limit(given: dict[str, list[str]]) -> int | None:
    """Return how many entries are shown at most, the latest ones; None: all.

    Raises:
        ValueError: it is no number.
    """
    asked = given.get("lines", [""])[-1]
    if asked == "all" or (not asked and "no-tail" in given):
        return None
    if not asked:
        return 10 if "follow" in given else 1000 if "end" in given else None
    if not asked.isdigit():
        msg = f"Failed to parse lines '{asked}'"
        raise ValueError(msg)
    return int(asked)


def _boots(entries: list[journal.Entry]) -> list[str]:
    """Return the boots that there are entries of, oldest first."""
    return list(dict.fromkeys(entry.boot for entry in entries))


def _boot(given: dict[str, list[str]], entries: list[journal.Entry]) -> str | None:
    """Return the boot that is asked for: by its id, counted from the first (1) or back from the last (0, -1); None: all.

    Raises:
        ValueError: there is none such.
    """
    which = given.get("boot", ["all"])[0]
    if which == "all":
        return None
    boots = _boots(entries)
    if which in boots:
        return which
    if not which.lstrip("-").isdigit():
        msg = f"Failed to parse boot descriptor '{which}'"
        raise ValueError(msg)
    number = int(which)
    index = number - 1 if number > 0 else len(boots) - 1 + number
    if not 0 <= index < len(boots):
        msg = f"Data from the specified boot ({which}) is not available: No such boot ID in journal"
        raise ValueError(msg)
    return boots[index]


def _list_boots(entries: list[journal.Entry]) -> int:
    boots = _boots(entries)
    print("IDX BOOT ID                          FIRST ENTRY                 LAST ENTRY")
    for index, boot in enumerate(boots):
        times = [entry.at / 1e6 for entry in entries if entry.boot == boot]
        first, last = (
            time.strftime("%a %Y-%m-%d %H:%M:%S %Z", time.localtime(at)) for at in (times[0], times[-1])
        )
        print(f"{index + 1 - len(boots):3} {boot} {first} {last}")
    return 0


def _filter(given: dict[str, list[str]]) -> Callable[[journal.Entry], bool]:
    units = [
        unitfile.unit_name(name)
        for name in given.get("unit", []) + given.get("_SYSTEMD_UNIT", []) + given.get("UNIT", [])
    ]
    identifiers = given.get("identifier", []) + given.get("SYSLOG_IDENTIFIER", [])
    pids = given.get("_PID", [])
    since = _moment(given["since"][-1]) if "since" in given else 0.0
    until = _moment(given["until"][-1]) if "until" in given else float("inf")
    threshold = _level(given.get("priority", ["7"])[-1].rpartition("..")[2])
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


def _level(name: str) -> int:
    """Read a priority: ``err`` or ``3``."""
    if name.isdigit() and int(name) < len(_LEVELS):
        return int(name)
    if name not in _LEVELS:
        msg = f"Unknown log level {name}"
        raise ValueError(msg)
    return _LEVELS.index(name)


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
