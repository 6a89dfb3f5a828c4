"""Vulnerabilities that somebody looked at and found harmless here: until when, and why. Nothing is accepted for good."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FILE = Path(__file__).with_name("audit_accepted.toml")
_KEYS = {"id", "package", "reason", "expires"}
_SHORTEST_REASON = 20  # characters: "false positive" is no reason that somebody else could check


class AcceptedFindingsError(Exception):
    """The list itself is wrong; the message names the entry and what to write."""


@dataclass(frozen=True, kw_only=True)
class AcceptedFinding:
    """One vulnerability of one package, accepted up to and including a day."""

    id: str
    package: str
    reason: str
    expires: date

    def covers(self, package: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
        """Tell whether this is about a finding of pip-audit: by its number or by one of its other numbers."""
        return _normal(package["name"]) == _normal(self.package) and self.id in {
            known["id"],
            *known.get("aliases", ()),
        }

    def __str__(self) -> str:
        return f"{self.package}: {self.id} is accepted until {self.expires}: {self.reason}"


def read(file: Path = FILE) -> list[AcceptedFinding]:
    """Return the list.

    Raises:
        AcceptedFindingsError: it cannot be read, or an entry lacks something or has something unknown.
    """
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise AcceptedFindingsError(f"{file.name}: {error}") from error
    entries = document.pop("accepted", [])
    if document or not isinstance(entries, list):
        raise AcceptedFindingsError(
            f"{file.name}: {', '.join(document)}: only [[accepted]] entries are known"
        )
    return [_entry(file, number, entry) for number, entry in enumerate(entries, 1)]


def _entry(file: Path, number: int, entry: Mapping[str, Any]) -> AcceptedFinding:
    where = f"{file.name}: entry {number} ({entry.get('id', 'no id')})"
    if set(entry) != _KEYS:
        lacking, unknown = sorted(_KEYS - set(entry)), sorted(set(entry) - _KEYS)
        raise AcceptedFindingsError(
            f"{where}: lacks {lacking or 'nothing'}, has unknown {unknown or 'nothing'}"
        )
    expires = entry["expires"]
    if not isinstance(expires, date) or isinstance(expires, datetime):
        raise AcceptedFindingsError(
            f"{where}: expires = {expires!r}: must be a day, such as 2030-06-30 without quotes"
        )
    for name in ("id", "package", "reason"):
        if not isinstance(entry[name], str) or not entry[name].strip():
            raise AcceptedFindingsError(f"{where}: {name} = {entry[name]!r}: must be text")
    if len(entry["reason"]) < _SHORTEST_REASON:
        raise AcceptedFindingsError(
            f"{where}: reason = {entry['reason']!r}: say in a sentence why it cannot be reached here"
        )
    return AcceptedFinding(id=entry["id"], package=entry["package"], reason=entry["reason"], expires=expires)


def expired(accepted: Iterable[AcceptedFinding], today: date) -> list[str]:
    """Return a line for each entry whose day has passed."""
    return [
        f"{one}; that day has passed: look again, then give it another day or take the newer version"
        for one in accepted
        if one.expires < today
    ]


def unmatched(accepted: Iterable[AcceptedFinding], found: Iterable[AcceptedFinding]) -> list[str]:
    """Return a line for each entry that no locked package has any more."""
    used = set(found)
    return [
        f"{one}; no locked package has it any more: remove the entry" for one in accepted if one not in used
    ]


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
