"""Partial responses: the ``fields`` parameter (``items(name,status),nextPageToken`` or ``items/name``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from localcloud.api.errors import invalid

if TYPE_CHECKING:
    from localcloud.discovery.json_value import JsonValue

_Mask = dict[str, Any]  # name -> mask of what is below; an empty one keeps all


Masking = Callable[[Mapping[str, Any]], dict[str, Any]]


def compile_mask(text: str) -> Masking:
    """Return what cuts a document down to the fields asked for; refuses text that is no mask."""
    mask = _parse(text)

    def masked(document: Mapping[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = _apply(document, mask)
        return result

    return masked


def _parse(text: str) -> _Mask:
    mask, at = _list(text, 0, 0)
    if at != len(text):
        raise invalid("fields", text, f"Invalid field selection at position {at}.")
    return mask


def _list(text: str, at: int, depth: int) -> tuple[_Mask, int]:
    if depth > 20:
        raise invalid("fields", text[:100], "Nested too deep.")
    mask: _Mask = {}
    while True:
        at = _path(text, at, mask, depth)
        if at >= len(text) or text[at] != ",":
            return mask, at
        at += 1


def _path(text: str, at: int, mask: _Mask, depth: int) -> int:
    end = at
    while end < len(text) and text[end] not in ",()/":
        end += 1
    name = text[at:end].strip()
    if not name:
        raise invalid("fields", text, f"Invalid field selection at position {at}.")
    below: _Mask = mask.setdefault(name, {})
    if end < len(text) and text[end] == "/":
        return _path(text, end + 1, below, depth + 1)
    if end < len(text) and text[end] == "(":
        inner, end = _list(text, end + 1, depth + 1)
        if end >= len(text) or text[end] != ")":
            raise invalid("fields", text, f"Invalid field selection at position {end}.")
        below.update(inner)
        return end + 1
    return end


def _apply(value: JsonValue, mask: _Mask) -> JsonValue:
    if not mask or ("*" in mask and not mask["*"]):
        return value
    if isinstance(value, list):
        return [_apply(member, mask) for member in value]
    if not isinstance(value, Mapping):
        return value
    result = {}
    for name, item in value.items():
        below = mask.get(name, mask.get("*"))
        if below is not None:
            result[name] = _apply(item, below)
    return result
