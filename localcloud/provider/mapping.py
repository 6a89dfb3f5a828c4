"""Properties to Google's JSON and back, by table: names that differ, zeros that are sent, values that are rewritten."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from localcloud.provider.equality import is_empty
from localcloud.provider.plan import in_order, objects_in_order
from localcloud.provider.session import Session
from localcloud.provider.values import UNKNOWN, Properties, Value

if TYPE_CHECKING:
    from localcloud.provider.schema import Field

Body = dict[str, Value]


class Omit:
    """What a writer returns when its property is not to be sent. One instance: `OMIT`."""


OMIT: Final = Omit()
_MISSING: Final = object()


@dataclass(frozen=True)
class Scope:
    """The resource that is being written or read: its project, region and zone (or empty), and all of its properties."""

    session: Session
    project: str
    region: str
    properties: Properties
    zone: str = ""


Writer = Callable[[Value, Scope], Value]
Reader = Callable[[Body, Scope], Value]


@dataclass(frozen=True)
class Table:
    """How one type's properties are written. Paths are dotted, without list indices: ``allows.protocol``.

    `names`: the API's name, itself dotted where the API nests deeper, for properties whose name differs.
    `kept`: sent even if zero or empty, as long as they are known and not null.
    `local`: neither sent nor read, the plugin's own. `unread`: sent only. `unsent`: read only.
    `writers` turn a value (null if not given or not known) into what is sent, or OMIT. `readers` get the API's object that the
    property is in.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    local: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()
    unsent: frozenset[str] = frozenset()
    writers: Mapping[str, Writer] = field(default_factory=dict)
    readers: Mapping[str, Reader] = field(default_factory=dict)


def expand(
    fields: Mapping[str, Field], values: Properties, table: Table, scope: Scope, path: str = ""
) -> Body:
    """Write properties as the API's JSON, leaving out what is null, unknown or (unless kept) zero."""
    body: Body = {}
    for name, item in fields.items():
        where = path + name
        if where in table.local or where in table.unsent:
            continue
        value = _written(item, values.get(name), table, scope, where)
        if value is not OMIT:
            put(body, table.names.get(where, name), value)
    return body


def _written(item: Field, value: Value, table: Table, scope: Scope, where: str) -> Value:
    writer = table.writers.get(where)
    if writer is not None:
        return writer(None if value is UNKNOWN else value, scope)
    if item.output or value is None or value is UNKNOWN or (is_empty(value) and where not in table.kept):
        return OMIT
    if item.kind == "block":
        body = expand(item.fields, value, table, scope, where + ".")
        return body if body or where in table.kept else OMIT
    if item.kind == "blocks":
        return [expand(item.fields, element, table, scope, where + ".") for element in value]
    if item.kind == "single":
        return [value]
    if item.kind == "list" and item.unordered:
        return as_sent(value)
    return coerce(item.kind, value)


def as_sent(values: list[Value], text: Callable[[Value], str] = str) -> list[Value]:
    """Return a set in the order in which the official provider sends it: by its elements' hashes, as decimal texts."""
    return sorted(values, key=lambda value: str(zlib.crc32(text(value).encode())))


def coerce(kind: str, value: Value) -> Value:
    """Turn a value into its kind where programs may write another: "8080" for 8080, "true" for true, 1 for "1"."""
    if kind == "integer" and not isinstance(value, int):
        return int(float(value))
    if kind == "number" and isinstance(value, str):
        return float(value)
    if kind == "boolean" and isinstance(value, str):
        return value == "true"
    if kind == "string" and not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value


def put(body: Body, path: str, value: Value) -> None:
    """Set a value at a dotted path, making the objects on the way."""
    *parents, last = path.split(".")
    for parent in parents:
        body = body.setdefault(parent, {})
    body[last] = value


def look(body: Body, path: str) -> Value:
    """Return what is at a dotted path, None if nothing is."""
    value = _look(body, path)
    return None if value is _MISSING else value


def _look(body: Body, path: str) -> Value:
    value: Value = body
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return _MISSING
        value = value[key]
    return value


def flatten(
    fields: Mapping[str, Field],
    body: Body,
    table: Table,
    scope: Scope,
    prior: Properties | None = None,
    *,
    path: str = "",
) -> Properties:
    """Read properties from the API's JSON; what the API does not say keeps its prior value if it cannot be read at all."""
    prior = prior or {}
    return {
        name: _read(name, item, body, table, scope, prior=prior, where=path + name)
        for name, item in fields.items()
    }


def _read(
    name: str, item: Field, body: Body, table: Table, scope: Scope, *, prior: Properties, where: str
) -> Value:
    if where in table.local or where in table.unread:
        kept = prior.get(name)
        return item.absent if kept is None or kept is UNKNOWN else kept
    reader = table.readers.get(where)
    if reader is not None:
        return reader(body, scope)
    api_path = table.names.get(where, name)
    value = _look(body, api_path)
    if value is _MISSING or value is None:
        if name_is_self_link(where):
            return None
        parent = api_path.rpartition(".")[0]
        return None if parent and _look(body, parent) is _MISSING else item.zero
    return _read_value(item, value, table, scope, prior=prior.get(name), where=where)


def _read_value(item: Field, value: Value, table: Table, scope: Scope, *, prior: Value, where: str) -> Value:
    """Read one value of the API as a property of this kind."""
    if item.kind == "block":
        before = prior if isinstance(prior, dict) else None
        return flatten(item.fields, value, table, scope, before, path=where + ".") if value else None
    if item.kind == "blocks":
        befores = prior if isinstance(prior, list) else []
        read = [
            flatten(
                item.fields,
                element,
                table,
                scope,
                befores[at] if at < len(befores) and isinstance(befores[at], dict) else None,
                path=where + ".",
            )
            for at, element in enumerate(value)
        ]
        return objects_in_order(item.fields, read) if item.unordered else read
    if item.kind == "single":
        return value[0] if isinstance(value, list) and value else None
    if item.kind == "string" and name_is_self_link(where):
        return v1_link(value)
    if item.kind == "list" and item.unordered:
        return in_order(value)
    return coerce(item.kind, value)


def name_is_self_link(where: str) -> bool:
    """Tell whether a property holds the resource's own link, which states keep in its v1 form."""
    return where == "selfLink"


def v1_link(link: Value) -> Value:
    """Return a Compute link with v1 for whichever version it was read through."""
    return link.replace("/compute/beta/", "/compute/v1/") if isinstance(link, str) else link
