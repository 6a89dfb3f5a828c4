"""Inputs after a read: what the program had set, as the resource has it now; on import, all that it could have set."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from localcloud.provider.check import DEFAULTS
from localcloud.provider.diff import same
from localcloud.provider.equality import is_empty
from localcloud.provider.plan import plan
from localcloud.provider.values import UNKNOWN, Asset, Properties, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.provider.schema import Field


def refreshed_inputs(fields: Mapping[str, Field], inputs: Properties, state: Properties) -> Properties:
    """Return the inputs with the values that the state has; a default that is no longer the value is no default any more."""
    result: Properties = {}
    defaults = set(inputs.get(DEFAULTS, []))
    for name, value in inputs.items():
        item = fields.get(name)
        if name == DEFAULTS or item is None:
            continue
        now = _refreshed(item, value, state.get(name))
        if now is None:
            defaults.discard(name)
            continue
        if now != value:
            defaults.discard(name)
        result[name] = now
    result[DEFAULTS] = sorted(defaults)
    return result


def _refreshed(item: Field, value: Value, now: Value) -> Value:
    if isinstance(value, Asset):
        return value
    if item.kind == "block":
        return (
            refreshed_inputs(item.fields, value, now)
            if isinstance(now, dict) and isinstance(value, dict)
            else now
        )
    if item.kind == "blocks" and isinstance(now, list) and isinstance(value, list):
        pairs = _matched(item, value, now) if item.unordered else _paired(value, now)
        return [
            refreshed_inputs(item.fields, before, after)
            if isinstance(before, dict)
            else imported_inputs(item.fields, after)
            for before, after in pairs
        ]
    if item.same == "dashboard" and same(item, now, value):
        return value
    if (
        item.kind == "list"
        and item.same
        and isinstance(now, list)
        and isinstance(value, list)
        and same(item, now, value)
    ):
        return value  # scopes come back by their long names
    return value if is_empty(value) and is_empty(now) else _keep_spelling(value, now)


def _keep_spelling(value: Value, now: Value) -> Value:
    """Keep "8080" for 8080."""
    return value if str(value) == str(now) else now


def _paired(befores: list[Value], afters: list[Value]) -> list[tuple[Value, Value]]:
    return [(befores[at] if at < len(befores) else None, after) for at, after in enumerate(afters)]


def _matched(item: Field, befores: list[Value], afters: list[Value]) -> list[tuple[Value, Value]]:
    """Pair a set's elements in the program's order: equal ones with each other, then the others as they come."""
    one = replace(item, kind="block", unordered=False)
    left = list(afters)
    found: list[Value] = []
    for before in befores:
        planned = plan(item.fields, before, in_set=True) if isinstance(before, dict) else before
        equal = next((after for after in left if same(one, after, _unknowns_as(planned, after))), None)
        if equal is not None:
            left.remove(equal)
        found.append(equal)
    pairs = []
    for before, after in zip(befores, found, strict=True):
        if after is not None:
            pairs.append((before, after))
        elif left:
            pairs.append((before, left.pop(0)))
    return pairs + [(None, after) for after in left]


def _unknowns_as(planned: Value, after: Value) -> Value:
    """Return what was planned, with what the API fills in as it filled it in."""
    if not isinstance(planned, dict) or not isinstance(after, dict):
        return planned
    return {name: after.get(name) if value is UNKNOWN else value for name, value in planned.items()}


def imported_inputs(fields: Mapping[str, Field], state: Properties) -> Properties:
    """Return what a program would set to have this state: all that is not empty, not only for reading, and not the default."""
    result: Properties = {}
    for name, item in fields.items():
        value = state.get(name)
        # A false that is true by default has to be said.
        unsaid = value is None or (is_empty(value) and not item.default)
        if item.output or unsaid or (value == item.default and not item.required):
            continue
        if item.kind == "block" and isinstance(value, dict):
            result[name] = imported_inputs(item.fields, value)
        elif item.kind == "blocks" and isinstance(value, list):
            result[name] = [imported_inputs(item.fields, element) for element in value]
        else:
            result[name] = value
    result[DEFAULTS] = []
    return result
