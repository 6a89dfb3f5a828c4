"""Exemptions: a named rule on named resources, with a reason, an owner and a last day.

They stand in the pack's configuration, which is reviewed, and not in the program: a tag on a resource would hand the
override to whoever wrote the mistake.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mig_policies.resource import Resource

FIELDS: Final = ("resource", "reason", "owner", "expires")

SCHEMA: Final[dict[str, object]] = {
    "type": "array",
    "description": "Resources this rule is not held against, each for a reason, by an owner, until a day.",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": list(FIELDS),
        "properties": {
            "resource": {
                "type": "string",
                "minLength": 1,
                "description": "A URN or a resource name; * and ? match.",
            },
            "reason": {"type": "string", "minLength": 10, "description": "Why the rule need not hold here."},
            "owner": {"type": "string", "minLength": 1, "description": "Who answers for it."},
            "expires": {
                "type": "string",
                "pattern": r"^\d{4}-\d{2}-\d{2}$",
                "description": "The last day it holds, YYYY-MM-DD; from the next day on the rule is violated again.",
            },
        },
    },
}


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """One entry of a rule's `exemptions`."""

    rule: str
    resource: str
    reason: str
    owner: str
    expires: dt.date

    def covers(self, resource: Resource) -> bool:
        """Tell whether the entry names the resource, by URN or by name."""
        return fnmatchcase(resource.urn, self.resource) or fnmatchcase(resource.name, self.resource)

    def expired(self, today: dt.date) -> bool:
        """Tell whether its last day is over."""
        return today > self.expires

    @property
    def told(self) -> str:
        """The exemption as it is printed beside what it covers."""
        return f"exempt until {self.expires.isoformat()} by {self.owner}: {self.reason}"


def parse_exemption(rule: str, entry: object) -> Exemption:
    """Read one entry.

    Raises:
        TypeError: it is no object.
        ValueError: a field is missing, empty, misspelt or no date; the message names rule, field and value.
    """
    where = f"{rule}.exemptions"
    if not isinstance(entry, dict):
        raise TypeError(f"{where}: {entry!r} is not an object with {', '.join(FIELDS)}")
    fields: Mapping[str, object] = entry
    for key in fields:
        if key not in FIELDS:
            raise ValueError(f"{where}: unknown field '{key}'; an exemption has {', '.join(FIELDS)}")
    texts: dict[str, str] = {}
    for key in FIELDS:
        value = fields.get(key)
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{where}: {key} is {value!r}; every exemption says {', '.join(FIELDS)}")
        texts[key] = value
    try:
        expires = dt.date.fromisoformat(texts["expires"])
    except ValueError:
        raise ValueError(f"{where}: expires is {texts['expires']!r}, not a day written YYYY-MM-DD") from None
    return Exemption(
        rule=rule, resource=texts["resource"], reason=texts["reason"], owner=texts["owner"], expires=expires
    )
