"""A resource being written: its document to be, what it was, and everything else that changes with it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from localcloud.api import errors
from localcloud.api.cloud import Cloud
from localcloud.api.compute.collection import Collection
from localcloud.json_text import sorted_bytes
from localcloud.store import Document

if TYPE_CHECKING:
    from localcloud.discovery.json_value import JsonValue

_MISSING = object()
_CONTAINERS = (dict, list)
_SMALL = 4096  # bytes of content whose fingerprint is remembered
_PLAIN = frozenset({str, int, bool, float})


@dataclass(slots=True)
class Draft:
    """`document` may be changed freely (`old` and what the store hands out may not); `writes` go with it in one transaction.

    `location` is the region or zone, or empty. A value of None in `writes` deletes.
    """

    cloud: Cloud
    collection: Collection
    project: str
    location: str
    relname: str
    document: dict[str, Any]
    old: Document | None = None
    writes: dict[str, Document | None] = field(default_factory=dict)

    @property
    def region(self) -> str:
        """The region this is in; empty for what is global."""
        return self.cloud.settings.zones.get(self.location, self.location)

    def get(self, path: str) -> JsonValue:
        """Return the value at a dotted path, or None."""
        node: Any = self.document
        for name in path.split("."):
            if not isinstance(node, dict):
                return None
            node = node.get(name)
        return node

    def default(self, path: str, value: JsonValue) -> None:
        """Set what the client left out."""
        *parents, last = path.split(".")
        node = self.document
        for name in parents:
            node = node.setdefault(name, {})
        node.setdefault(last, value)

    def require(self, path: str) -> JsonValue:
        """Return the value at a path; refuses the request if it is missing or empty."""
        value = self.get(path)
        if value is None or value in ("", []):
            raise errors.required(f"resource.{path}")
        return value

    def refuse(self, path: str, rule: str) -> errors.ApiError:
        """Return the error for the value at a path."""
        return errors.invalid(f"resource.{path}", self.get(path), rule)

    def bounds(self, path: str, low: float, high: float) -> None:
        """Refuse a number outside of [low, high]."""
        value = self.get(path)
        if value is not None and not low <= value <= high:
            raise self.refuse(path, f"Value must be between {low} and {high}.")

    def peek(self, key: str) -> Document | None:
        """Return another document as it will be after this change."""
        if key in self.writes:
            return self.writes[key]
        return self.cloud.store.get(key)

    def changed(self, path: str) -> bool:
        """Tell whether a top-level field differs from what was."""
        return self.old is None or self.old.get(path, _MISSING) != self.document.get(path, _MISSING)


def pruned(value: JsonValue) -> JsonValue:
    """Return the value without nulls and empty objects in it, as Google answers documents."""
    if isinstance(value, dict):
        kept: dict[str, Any] = {}
        for key, item in value.items():
            if item.__class__ in _PLAIN:  # most values are, and are asked for no more
                kept[key] = item
            elif isinstance(item, _CONTAINERS):
                cleaned = pruned(item)
                if cleaned:
                    kept[key] = cleaned
            elif item is not None:
                kept[key] = item
        return kept
    if isinstance(value, list):
        return [pruned(item) if isinstance(item, _CONTAINERS) else item for item in value if item is not None]
    return value


def tidy(value: JsonValue) -> bool:
    """Tell whether there is nothing in an object or list that `pruned` would take out: mostly so, and then nobody need copy it."""
    in_object = isinstance(value, dict)
    for item in value.values() if in_object else value:
        if item.__class__ in _PLAIN:
            continue
        if item is None or (isinstance(item, _CONTAINERS) and not (tidy(item) if item else not in_object)):
            return False
    return True


def merged(target: JsonValue, patch: JsonValue) -> JsonValue:
    """Apply a JSON merge patch (RFC 7396): objects merge, null removes, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def fingerprint(document: Mapping[str, Any]) -> str:
    """Return the fingerprint of some content: eight bytes in base64, as Google's look."""
    content = sorted_bytes(document)
    return _usual_fingerprint(content) if len(content) < _SMALL else _fingerprint(content)


@lru_cache(256)
def _usual_fingerprint(content: bytes) -> str:
    """Tags, labels and metadata are often the same in resource after resource."""
    return _fingerprint(content)


def _fingerprint(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()[:8]).decode()
