"""One store, two versions of the API: what only beta knows is left out of v1's answers."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from localcloud.discovery.document import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.discovery.json_value import JsonValue
    from localcloud.store import Document

_Extra = dict[
    str, Any
]  # field -> None: beta's alone; or a tree: look below ("[]" for members, "*" for map values)


def for_version(document: Document, schema: str, version: str) -> Document:
    """Return the document as this version of the API answers it."""
    extra = _extra(schema) if version == "v1" else None
    if not extra:
        return document
    trimmed: Document = _without(document, extra)
    return trimmed


def _without(value: JsonValue, extra: _Extra) -> JsonValue:
    if isinstance(value, list):
        return [_without(member, extra["[]"]) for member in value] if "[]" in extra else value
    if not isinstance(value, dict):
        return value
    if "*" in extra:
        return {name: _without(item, extra["*"]) for name, item in value.items()}
    touched = [name for name in extra if name in value]
    if not touched:
        return value
    result = dict(value)
    for name in touched:
        below = extra[name]
        if below is None:
            del result[name]
        else:
            result[name] = _without(result[name], below)
    return result


@cache
def _extra(schema: str) -> _Extra:
    """Return what beta's schema has beyond v1's; looks only at what the walk can reach without repeating a schema."""
    return _compare({"$ref": schema}, {"$ref": schema}, ()) or {}


def _compare(stable: Mapping[str, Any], beta: Mapping[str, Any], seen: tuple[str, ...]) -> _Extra | None:
    if "$ref" in beta:
        name = beta["$ref"]
        if name in seen or "$ref" not in stable:
            return None
        return _compare(
            load("compute.v1").schema(stable["$ref"]), load("compute.beta").schema(name), (*seen, name)
        )
    if beta.get("type") == "array" and "items" in stable:
        below = _compare(stable["items"], beta["items"], seen)
        return {"[]": below} if below else None
    if isinstance(beta.get("additionalProperties"), dict) and isinstance(
        stable.get("additionalProperties"), dict
    ):
        below = _compare(stable["additionalProperties"], beta["additionalProperties"], seen)
        return {"*": below} if below else None
    extra: _Extra = {}
    known = stable.get("properties", {})
    for name, child in beta.get("properties", {}).items():
        if name not in known:
            extra[name] = None
        elif below := _compare(known[name], child, seen):
            extra[name] = below
    return extra or None
