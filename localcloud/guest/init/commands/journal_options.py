"""The options of journalctl, read as it reads them: clusters of letters, values joined or apart, values that may be left out."""

from __future__ import annotations

_VALUED = {"-u": "unit", "--unit": "unit", "-t": "identifier", "--identifier": "identifier", "-o": "output", "--output": "output",
           "-S": "since", "--since": "since", "-U": "until", "--until": "until", "-p": "priority", "--priority": "priority",
           "-g": "grep", "--grep": "grep"}  # fmt: skip
# Options whose value may be left out: what they are called, and what is meant then.
_OPTIONAL = {"-b": ("boot", "0"), "--boot": ("boot", "0"), "-n": ("lines", "10"), "--lines": ("lines", "10")}
_PLAIN = {"-f": "follow", "--follow": "follow", "-r": "reverse", "--reverse": "reverse", "--no-pager": "", "-x": "", "-e": "end",
          "--pager-end": "end", "-a": "", "--all": "", "-q": "quiet", "--quiet": "quiet", "--no-hostname": "no-hostname", "-l": "",
          "--full": "", "-k": "kernel", "--dmesg": "kernel", "--utc": "", "--system": "", "-m": "", "--catalog": "",
          "--no-tail": "no-tail", "--flush": "flush", "--sync": "flush", "--disk-usage": "disk-usage",
          "--list-boots": "list-boots", "--no-full": ""}  # fmt: skip
_ONE_FILE = "this machine has one journal, which keeps its last 16 to 32 MiB by itself"
_ONE_MACHINE = "this machine has its own journal only"
REFUSED = {"--vacuum-size": _ONE_FILE, "--vacuum-time": _ONE_FILE, "--vacuum-files": _ONE_FILE, "--rotate": _ONE_FILE,
           "--verify": _ONE_FILE, "--header": _ONE_FILE, "--setup-keys": _ONE_FILE, "--file": _ONE_FILE, "--directory": _ONE_FILE,
           "-D": _ONE_FILE, "--user": _ONE_MACHINE, "--user-unit": _ONE_MACHINE, "-M": _ONE_MACHINE, "--machine": _ONE_MACHINE,
           "--root": _ONE_MACHINE, "--cursor": "entries have no cursors here; use --since",
           "--after-cursor": "entries have no cursors here; use --since", "--show-cursor": "entries have no cursors here; use --since",
           "--cursor-file": "entries have no cursors here; use --since", "-F": "fields are not indexed here; use -o json and jq",
           "--field": "fields are not indexed here; use -o json and jq", "-N": "fields are not indexed here; use -o json and jq",
           "--fields": "fields are not indexed here; use -o json and jq"}  # fmt: skip
_FIELDS = frozenset({"_SYSTEMD_UNIT", "UNIT", "SYSLOG_IDENTIFIER", "_PID"})
_BOOT_ID_LENGTH = 32


def parse(words: list[str]) -> dict[str, list[str]]:
    """Return the values given, by the options' long names without dashes; no values for options that take none.

    Raises:
        ValueError: an option is not known, or lacks its value; the message is journalctl's.
    """
    given: dict[str, list[str]] = {}
    words = list(words)
    while words:
        word = words.pop(0)
        if len(word) > 2 and word[0] == "-" and word[1] != "-":  # -xeu UNIT, -n50, -fu UNIT, -b-1
            words[:0] = _apart(word)
            continue
        name, equals, value = word.partition("=")
        if name in _OPTIONAL:
            key, meant = _OPTIONAL[name]
            if not equals:
                value = words.pop(0) if words and _is_value(key, words[0]) else meant
            given[key] = [value]
        elif name in _VALUED:
            if not equals and not words:
                msg = f"journalctl: option requires an argument -- '{word.lstrip('-')}'"
                raise ValueError(msg)
            given.setdefault(_VALUED[name], []).append(value if equals else words.pop(0))
        elif word in _PLAIN:
            given[_PLAIN[word]] = []
        elif name in _FIELDS and equals:
            given.setdefault(name, []).append(value)
        elif name in REFUSED:
            msg = f"journalctl: {name}: {REFUSED[name]}"
            raise ValueError(msg)
        else:
            msg = f"journalctl: unrecognized option '{word}'"
            raise ValueError(msg)
    return given


def _apart(cluster: str) -> list[str]:
    """Take the first letter off a cluster: what follows it is its value, or more letters."""
    letter, rest = cluster[:2], cluster[2:]
    joined = letter in _VALUED or (letter in _OPTIONAL and _is_value(_OPTIONAL[letter][0], rest))
    return [letter, rest if joined else f"-{rest}"]


def _is_value(key: str, word: str) -> bool:
    if word == "all" or word.isdigit():
        return True
    return key == "boot" and (word[1:].isdigit() if word[:1] == "-" else len(word) == _BOOT_ID_LENGTH)
