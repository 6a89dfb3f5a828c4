"""Unit files of systemd: finding, reading and quoting rules."""

from __future__ import annotations

import os

PATHS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/transient",
    "/usr/local/lib/systemd/system",
    "/usr/local/lib/guest/units",
    "/usr/lib/systemd/system",
)
SUFFIXES = (
    ".service",
    ".target",
    ".timer",
    ".socket",
    ".mount",
    ".path",
    ".slice",
    ".swap",
    ".device",
    ".scope",
    ".automount",
)

# Directives that do something here, by section. Everything else is accepted, and said to be ignored.
KNOWN = {
    "Unit": {"Description", "Documentation", "After", "Before", "Wants", "Requires", "BindsTo", "OnFailure",
             "ConditionPathExists", "StartLimitIntervalSec", "StartLimitBurst", "DefaultDependencies"},
    "Service": {"Type", "ExecStart", "ExecStartPre", "ExecStartPost", "ExecStop", "ExecStopPost", "ExecReload", "ExecCondition",
                "Environment", "EnvironmentFile", "WorkingDirectory", "User", "Group", "Restart", "RestartSec", "TimeoutStartSec",
                "TimeoutStopSec", "TimeoutSec", "KillMode", "KillSignal", "RemainAfterExit", "SuccessExitStatus", "PIDFile",
                "StandardOutput", "StandardError", "SyslogIdentifier", "UMask", "Nice", "LimitNOFILE", "RuntimeDirectory",
                "StateDirectory", "LogsDirectory", "CacheDirectory", "NotifyAccess", "RestartPreventExitStatus", "RestartForceExitStatus",
                "SendSIGKILL", "GuessMainPID",
                "StartLimitInterval", "StartLimitBurst"},
    "Timer": {"OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec", "OnCalendar", "Persistent",
              "RandomizedDelaySec", "Unit"},
    "Install": {"WantedBy", "RequiredBy", "Alias", "Also"},
}  # fmt: skip


class UnitError(Exception):
    """Something about a unit that its caller is told in these words."""


class UnitFile:
    """A unit's settings: the last value of each directive, and all values of those that may be repeated."""

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = path
        self.notes: list[str] = []
        self.drop_ins: list[str] = []
        self._values: dict[tuple[str, str], list[str]] = {}

    def add(self, section: str, key: str, value: str) -> None:
        """Record a directive; an empty value forgets the earlier ones, as in systemd."""
        values = self._values.setdefault((section, key), [])
        if value:
            values.append(value)
        else:
            values.clear()

    def all(self, section: str, key: str) -> list[str]:
        """Return every value given for a directive."""
        return self._values.get((section, key), [])

    def get(self, section: str, key: str, default: str = "") -> str:
        """Return the last value given for a directive."""
        values = self._values.get((section, key))
        return values[-1] if values else default

    def section(self, name: str) -> dict[str, list[str]]:
        """Return all directives of a section."""
        return {key: values for (section, key), values in self._values.items() if section == name}

    def words(self, section: str, key: str) -> list[str]:
        """Return the values of a directive that is a list of names."""
        return [word for value in self.all(section, key) for word in value.split()]

    def flag(self, section: str, key: str, *, default: bool = False) -> bool:
        """Return a boolean directive."""
        value = self.get(section, key).lower()
        return value in {"yes", "true", "1", "on"} if value else default

    def seconds(self, section: str, key: str, default: float) -> float:
        """Return a time span directive in seconds; `infinity` (and 0, for timeouts) by its float."""
        value = self.get(section, key)
        return parse_seconds(value, default) if value else default

    @property
    def description(self) -> str:
        """The unit's description, its name if it has none."""
        return self.get("Unit", "Description") or self.name

    def parse(self, text: str, path: str) -> None:
        """Add the directives of a file's text, noting what is not understood."""
        section = ""
        lines = text.splitlines()
        number = 0
        while number < len(lines):
            line = lines[number].strip()
            first = number + 1
            number += 1
            if not line or line[0] in "#;":
                continue
            while line.endswith("\\") and number < len(lines):
                follow = lines[number].strip()
                number += 1
                if not follow.startswith(("#", ";")):
                    line = line[:-1].rstrip() + " " + follow
            if line.startswith("[") and line.endswith("]"):
                section = line[1:-1]
                continue
            key, equals, value = line.partition("=")
            if not equals:
                self.notes.append(f"{path}:{first}: Missing '=', ignoring line.")
                continue
            key = key.strip()
            self.add(section, key, value.strip())
            if section in KNOWN and key not in KNOWN[section]:
                self.notes.append(
                    f"{path}:{first}: '{key}' in section '{section}' has no effect on this machine, ignoring."
                )


def unit_name(name: str) -> str:
    """Complete a name as systemctl does: ``web`` is ``web.service``."""
    if "/" in name or not name or name.startswith("."):
        msg = f"Invalid unit name '{name}'."
        raise UnitError(msg)
    return name if name.endswith(SUFFIXES) else f"{name}.service"


def find(name: str) -> str | None:
    """Return the path of a unit's file; that of its template for an instance of one."""
    candidates = [name]
    if "@" in name:
        stem, _, rest = name.partition("@")
        candidates.append(f"{stem}@{rest[rest.rfind('.') :]}")
    for candidate in candidates:
        for folder in PATHS:
            path = f"{folder}/{candidate}"
            if os.path.exists(path) or (os.path.islink(path) and os.readlink(path) == "/dev/null"):
                return path
    return None


def load(name: str) -> UnitFile:
    """Read a unit's file and its drop-ins.

    Raises:
        UnitError: there is none, or it is masked.
    """
    path = find(name)
    if path is None:
        msg = f"Unit {name} not found."
        raise UnitError(msg)
    if os.path.realpath(path) == "/dev/null":
        msg = f"Unit {name} is masked."
        raise UnitError(msg)
    unit = UnitFile(name, path)
    paths = [path]
    for folder in PATHS:
        drop_ins = f"{folder}/{name}.d"
        if os.path.isdir(drop_ins):
            paths += [f"{drop_ins}/{file}" for file in sorted(os.listdir(drop_ins)) if file.endswith(".conf")]
    unit.drop_ins = paths[1:]
    for part in paths:
        with open(part, encoding="utf-8", errors="replace") as file:
            unit.parse(file.read(), part)
    return unit


def parse_seconds(text: str, default: float) -> float:
    """Read a systemd time span: ``5``, ``1min 30s``, ``500ms``, ``infinity``."""
    if text.strip() == "infinity":
        return float("inf")
    units = {"": 1.0, "us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "m": 60.0, "min": 60.0, "minute": 60.0,
             "minutes": 60.0, "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "hours": 3600.0, "d": 86400.0, "day": 86400.0,
             "days": 86400.0, "w": 604800.0}  # fmt: skip
    total, number, suffix = 0.0, "", ""
    try:
        for character in text + " ":
            if character in "0123456789.":
                if suffix:
                    total += float(number) * units[suffix]
                    number = suffix = ""
                number += character
            elif character.isalpha():
                suffix += character
            elif number and character == " " and (suffix or text.strip() == number):
                total += float(number) * units[suffix]
                number = suffix = ""
    except (KeyError, ValueError):
        return default
    return default if number else total


def split(line: str) -> list[str]:
    """Split a command line or an assignment list as systemd does: quotes, and C escapes outside of single quotes too."""
    escapes = {
        "n": "\n",
        "t": "\t",
        "r": "\r",
        "s": " ",
        "\\": "\\",
        '"': '"',
        "'": "'",
        "a": "\a",
        "b": "\b",
        "f": "\f",
        "v": "\v",
    }
    words: list[str] = []
    word: list[str] | None = None
    quote = ""
    index = 0
    while index < len(line):
        character = line[index]
        index += 1
        if character == "\\" and index < len(line):
            following = line[index]
            index += 1
            word = word if word is not None else []
            if following == "x" and index + 2 <= len(line):
                word.append(chr(int(line[index : index + 2], 16)))
                index += 2
            else:
                word.append(escapes.get(following, "\\" + following))
        elif quote:
            if character == quote:
                quote = ""
            else:
                word = word if word is not None else []
                word.append(character)
        elif character in "\"'" and (word is None or character):
            quote = character
            word = word if word is not None else []
        elif character in " \t":
            if word is not None:
                words.append("".join(word))
                word = None
        else:
            word = word if word is not None else []
            word.append(character)
    if word is not None:
        words.append("".join(word))
    return words
