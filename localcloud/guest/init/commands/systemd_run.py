"""systemd-run: makes a transient service and starts it."""

from __future__ import annotations

import os
import sys

from .. import process
from . import client

_VALUED = {"-u": "unit", "--unit": "unit", "-p": "property", "--property": "property", "--description": "description", "-E": "setenv",
           "--setenv": "setenv", "--working-directory": "directory", "--uid": "uid", "--gid": "gid", "--service-type": "type",
           "--nice": "nice", "--slice": "slice", "--timer-property": "timer-property"}  # fmt: skip
_TIMES = {"--on-active": "OnActiveSec", "--on-boot": "OnBootSec", "--on-startup": "OnStartupSec", "--on-unit-active": "OnUnitActiveSec",
          "--on-unit-inactive": "OnUnitInactiveSec", "--on-calendar": "OnCalendar"}  # fmt: skip
_VALUED.update((name, name) for name in _TIMES)
_PLAIN = {"--no-block", "--quiet", "-q", "--collect", "-G", "--system", "--same-dir", "-d", "--remain-after-exit", "-r",
          "--no-ask-password", "--wait", "--scope"}  # fmt: skip
_NO_TERMINAL = "a unit has no way to this terminal; its output is in the journal (journalctl -u UNIT)"
_NO_USERS = "this machine has the system's own units only: no users' and no other machines'"
REFUSED = {"--pty": _NO_TERMINAL, "-t": _NO_TERMINAL, "--pipe": _NO_TERMINAL, "-P": _NO_TERMINAL, "--shell": _NO_TERMINAL,
           "-S": _NO_TERMINAL, "--user": _NO_USERS, "-H": _NO_USERS, "--host": _NO_USERS, "-M": _NO_USERS, "--machine": _NO_USERS,
           "--path-property": "paths are not watched here", "--socket-property": "sockets are not served by units here"}  # fmt: skip


def main(words: list[str]) -> int:
    """Run the command; its exit status."""
    words = list(words)
    values, flags, wrong = _options(words)
    if wrong:
        print(f"systemd-run: {wrong}", file=sys.stderr)
        return 1
    timer = _timer(values)
    if not words:
        print("Command line to execute required.", file=sys.stderr)
        return 1
    program = process.which(words[0])
    if program is None:
        print(f"Failed to find executable {words[0]}: No such file or directory", file=sys.stderr)
        return 1
    if "--scope" in flags:
        os.execv(program, words)
    unit = values.get("unit", [f"run-r{os.urandom(16).hex()}.service"])[-1]
    unit = unit if unit.endswith(".service") else f"{unit}.service"
    unit = unit if not unit.endswith(".timer") else f"{unit.removesuffix('.timer')}.service"
    no_block = "--no-block" in flags
    text = _text(program, words, values, flags)
    answer = client.ask("run", unit=unit, text=text, timer=timer, no_block=no_block)
    if answer.get("error"):
        print(f"Failed to start transient service unit: {answer['error']}", file=sys.stderr)
        return 1
    quiet = bool(flags & {"--quiet", "-q"})
    if not quiet and timer:
        print(f"Running timer as unit: {unit.removesuffix('.service')}.timer", file=sys.stderr)
        print(f"Will run service as unit: {unit}", file=sys.stderr)
    elif not quiet:
        print(f"Running as unit: {unit}", file=sys.stderr)
    for failure in answer.get("failures", {}).values():
        print(f"Job for {unit} failed: {failure}.", file=sys.stderr)
        return 1
    return _waited(unit, quiet=quiet) if "--wait" in flags and not timer else 0


def _waited(unit: str, *, quiet: bool) -> int:
    """Wait until the unit's run is over; the exit status of its main process, or 1 where a signal ended it."""
    facts = client.ask("wait", units=[unit])["units"][0]
    status = int(facts["ExecMainStatus"])
    killed = facts["ExecMainCode"] == 2
    if not quiet:
        print(f"Finished with result: {facts['Result']}", file=sys.stderr)
        how = "killed" if killed else "exited"
        print(f"Main processes terminated with: code={how}/status={status}", file=sys.stderr)
    if killed:
        return 1
    return status


def _timer(values: dict[str, list[str]]) -> str:
    """Return the text of the timer that is asked for, "" if there is none."""
    times = [f"{key}={value}" for name, key in _TIMES.items() for value in values.get(name, [])]
    if not times:
        return ""
    description = values.get("description", ["Timer of systemd-run"])[-1]
    lines = ["[Unit]", f"Description={description}", "[Timer]", *times, *values.get("timer-property", [])]
    return "\n".join(lines) + "\n"


def _options(words: list[str]) -> tuple[dict[str, list[str]], set[str], str]:
    """Take the options off the front of the words: their values, the plain ones, and what is wrong with them."""
    values: dict[str, list[str]] = {}
    flags: set[str] = set()
    while words and words[0].startswith("-"):
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if word == "--":
            break
        if name in _VALUED and name.startswith("--") and equals:
            values.setdefault(_VALUED[name], []).append(value)
        elif word in _VALUED and words:
            values.setdefault(_VALUED[word], []).append(words.pop(0))
        elif word in _PLAIN:
            flags.add(word)
        elif name in REFUSED:
            return values, flags, f"{name}: {REFUSED[name]}"
        else:
            return values, flags, f"unrecognized option '{word}'"
    return values, flags, ""


def _text(program: str, words: list[str], values: dict[str, list[str]], flags: set[str]) -> str:
    command = " ".join(_quote(word) for word in [program, *words[1:]])
    description = values.get("description", [" ".join([program, *words[1:]])])[-1].replace("\n", " ")
    lines = [
        "[Unit]",
        f"Description={description}",
        "[Service]",
        f"Type={values.get('type', ['simple'])[-1]}",
    ]
    lines += [
        f"Environment={_quote(item if '=' in item else item + '=' + os.environ.get(item, ''))}"
        for item in values.get("setenv", [])
    ]
    if "directory" in values or flags & {"-d", "--same-dir"}:
        lines.append(f"WorkingDirectory={values['directory'][-1] if 'directory' in values else os.getcwd()}")
    if flags & {"-r", "--remain-after-exit"}:
        lines.append("RemainAfterExit=yes")
    if "nice" in values:
        lines.append(f"Nice={values['nice'][-1]}")
    if "uid" in values:
        lines.append(f"User={values['uid'][-1]}")
    unit_keys = ("StartLimit", "Description", "After", "Before", "Wants", "Requires")
    for item in values.get("property", []):
        lines.insert(1 if item.startswith(unit_keys) else len(lines), item)
    lines.append(f"ExecStart={command}")
    return "\n".join(lines) + "\n"


def _quote(word: str) -> str:
    """Quote a word so that the init's reader gives it back unchanged."""
    escaped = (
        word.replace("\\", "\\\\")
        .replace('"', '\\"')
        .replace("\n", "\\n")
        .replace("%", "%%")
        .replace("$", "$$")
    )
    return f'"{escaped}"'
