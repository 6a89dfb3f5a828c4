"""What a resource's state will be, as far as its inputs tell: the preview's answer, and what requests are made from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from localcloud.provider.equality import is_empty
from localcloud.provider.schema import Field
from localcloud.provider.values import UNKNOWN, Asset, Properties, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

_SNAKE: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")


def plan(
    fields: Mapping[str, Field], inputs: Properties, prior: Properties | None = None, *, in_set: bool = False
) -> Properties:
    """Complete inputs to a whole state.

    What is not given is its default, else (if the API fills it in) its prior value or unknown, else absent; in elements of sets,
    absent texts and lists are empty ones, as sets compare by value.
    """
    return {
        name: _value(item, inputs.get(name), _prior(prior, name), in_set=in_set)
        for name, item in fields.items()
    }


_NEW = object()


def _prior(prior: Properties | None, name: str) -> Value:
    return _NEW if prior is None else prior.get(name)


def _value(item: Field, given: Value, prior: Value, *, in_set: bool) -> Value:
    if item.output or given is None:
        return _not_given(item, prior, in_set=in_set)
    if given is UNKNOWN or isinstance(given, Asset):
        return given
    if item.kind == "block":
        if not isinstance(given, dict):
            return given
        return plan(
            item.fields, given, prior if isinstance(prior, dict) else None, in_set=in_set or item.unordered
        )
    if item.kind == "blocks":
        elements = [
            _element(item, element, index, prior, in_set=in_set or item.unordered)
            for index, element in enumerate(given)
        ]
        return objects_in_order(item.fields, elements) if item.unordered else elements
    if item.kind == "list" and item.unordered:
        return in_order(given)
    if item.same == f"empty:{given}" and (prior is _NEW or prior in (None, "")):
        # Asking for what Google does anyway is asking for nothing.
        return item.absent if prior is _NEW else prior
    return given


def in_order(values: list[Value]) -> list[Value]:
    """Return a set's values in the order that states have them in."""
    return sorted(values) if all(isinstance(value, str) for value in values) else values


def objects_in_order(fields: Mapping[str, Field], elements: list[Value]) -> list[Value]:
    """Return a set's objects in the order that states have them in: by their values, property by property."""
    return sorted(elements, key=lambda element: _sort_key(Field("block", fields=fields), element))


def _sort_key(item: Field, value: Value) -> str:
    """Return a text that orders as the official provider's states do: unset after all texts and numbers, unknown between."""
    if value is UNKNOWN:
        return "?"
    if value is None:
        return "~"
    if isinstance(value, dict):
        if item.kind == "map":
            return "{" + "".join(f'"{key}":"{value[key]}";' for key in sorted(value)) + "}"
        named = sorted((_SNAKE.sub(r"_\1", name).lower(), name) for name in item.fields)
        return "<" + "".join(_sort_key(item.fields[name], value.get(name)) + ";" for _, name in named) + ">"
    if isinstance(value, list):
        inner = Field("block", fields=item.fields) if item.kind == "blocks" else Field(item.element)
        return "[" + "".join(_sort_key(inner, element) + ";" for element in value) + "]"
    if isinstance(value, bool):
        return "1" if value else "0"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _element(item: Field, given: Value, index: int, prior: Value, *, in_set: bool) -> Value:
    if not isinstance(given, dict):
        return given
    before: Value = None
    if isinstance(prior, list):
        if item.unordered:
            before = next(
                (old for old in prior if isinstance(old, dict) and _agrees(item.fields, given, old)), None
            )
        elif index < len(prior):
            before = prior[index]
    return plan(item.fields, given, before if isinstance(before, dict) else None, in_set=in_set)


def _agrees(fields: Mapping[str, Field], given: Properties, old: Properties) -> bool:
    """Tell whether an element of a set can be the old one, judged by what was given of its required values."""
    keys = [name for name, item in fields.items() if item.required]
    return all(given.get(name) == old.get(name) for name in keys)


def _not_given(item: Field, prior: Value, *, in_set: bool) -> Value:
    if item.default is not None:
        return item.default
    if item.computed:
        return UNKNOWN if prior is _NEW else prior
    # An empty value stays the kind of empty it was: updates send "" for a text that had been read as that.
    if prior is not _NEW and prior is not None and is_empty(prior):
        return prior
    return item.zero if in_set and item.kind in ("string", "list") else item.absent


def settle(fields: Mapping[str, Field], state: Properties, planned: Properties) -> Properties:
    """After a write, say of empty collections what the plan said: absent ones are null, not empty."""
    settled = dict(state)
    for name, item in fields.items():
        if name in state:
            settled[name] = _settle(item, state[name], planned.get(name))
    return settled


def _settle(item: Field, value: Value, planned: Value) -> Value:
    if value in ([], {}) and planned is None and item.kind in ("list", "map") and not item.computed:
        return None
    if item.kind == "block" and isinstance(value, dict) and isinstance(planned, dict):
        return settle(item.fields, value, planned)
    if (
        item.kind == "blocks"
        and isinstance(value, list)
        and isinstance(planned, list)
        and len(value) == len(planned)
    ):
        return [
            settle(item.fields, element, before)
            if isinstance(element, dict) and isinstance(before, dict)
            else element
            for element, before in zip(value, planned, strict=True)
        ]
    return value
