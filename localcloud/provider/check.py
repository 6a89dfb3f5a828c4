"""Check: inputs are known properties of the right kind, nothing required is missing, defaults and names are filled in."""

from __future__ import annotations

import difflib
import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.provider.values import UNKNOWN, Asset, Properties, Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from localcloud.provider.schema import Field, Schema

DEFAULTS = "__defaults"
_SUFFIX_DIGITS = 7


@dataclass(frozen=True)
class Naming:
    """How a resource without a name gets one: from which input, within how many characters, and if at all."""

    property: str = "name"
    prefix_property: str = ""
    longest: int = 63
    lower: bool = False


@dataclass(frozen=True)
class Proposal:
    """What the engine says of a name it would like: the text, and whether names are made at all."""

    name: str = ""
    off: bool = False


@dataclass(frozen=True)
class Problem:
    """Why inputs are refused."""

    property: str
    reason: str


def check(
    schema: Schema,
    news: Properties,
    olds: Properties,
    *,
    resource_name: str,
    naming: Naming | None,
    seed: bytes = b"",
    proposal: Proposal | None = None,
) -> tuple[Properties, list[Problem]]:
    """Return the inputs with defaults (each object lists its own under ``__defaults``) and what is wrong with them."""
    problems = list(_problems(schema.inputs, news, schema.type, ""))
    inputs = _with_defaults(schema.inputs, news)
    if (
        naming
        and naming.property not in news
        and not (naming.prefix_property and news.get(naming.prefix_property))
    ):
        name = _automatic_name(naming, resource_name, olds, seed, proposal or Proposal())
        if name:
            inputs[naming.property] = name
            inputs[DEFAULTS] = sorted([*inputs[DEFAULTS], naming.property])
    return inputs, problems


def _automatic_name(
    naming: Naming, resource_name: str, olds: Properties, seed: bytes, proposal: Proposal
) -> str:
    if naming.property in olds.get(DEFAULTS, []) and olds.get(naming.property):
        return str(olds[naming.property])
    if proposal.off:
        return ""
    if proposal.name:
        return proposal.name
    digits = hashlib.sha256(seed).hexdigest() if seed else secrets.token_hex(_SUFFIX_DIGITS)
    base = resource_name.lower() if naming.lower else resource_name
    return f"{base[: naming.longest - _SUFFIX_DIGITS - 1]}-{digits[:_SUFFIX_DIGITS]}"


def _with_defaults(fields: Mapping[str, Field], given: Properties) -> Properties:
    result: Properties = {}
    defaults = []
    for name, value in given.items():
        if name == DEFAULTS or value is None:
            continue
        item = fields.get(name)
        result[name] = _nested(item, value) if item else value
    for name, item in fields.items():
        # A default that is the zero of its type is not an input of its own: unset means the same.
        if item.default and name not in result:
            result[name] = item.default
            defaults.append(name)
    result[DEFAULTS] = sorted(defaults)
    return result


def _nested(item: Field, value: Value) -> Value:
    if item.kind == "block" and isinstance(value, dict):
        return _with_defaults(item.fields, value)
    if item.kind == "blocks" and isinstance(value, list):
        return [
            _with_defaults(item.fields, element) if isinstance(element, dict) else element
            for element in value
        ]
    return value


def _problems(fields: Mapping[str, Field], given: Properties, owner: str, path: str) -> Iterator[Problem]:
    for name, value in given.items():
        if name.startswith("__") or value is None:
            continue
        where = f"{path}{name}"
        item = fields.get(name)
        if item is None:
            near = difflib.get_close_matches(name, fields, 1)
            hint = f'; did you mean "{near[0]}"?' if near else f"; it has {', '.join(sorted(fields))}"
            yield Problem(where, f'"{where}" ({_shown(value)}) is no property of {owner}{hint}')
        else:
            yield from _wrong(item, value, owner, where)
    for name, item in fields.items():
        if item.required and given.get(name) is None:
            yield Problem(
                f"{path}{name}",
                f'"{path}{name}" is not set, and {owner} requires it; set it to a {_wanted(item)}',
            )


def _wrong(item: Field, value: Value, owner: str, where: str) -> Iterator[Problem]:
    if value is UNKNOWN:
        return
    if not _fits(item.kind, value):
        yield Problem(where, f'"{where}" is {_shown(value)}, and {owner} takes a {_wanted(item)} there')
        return
    if item.kind == "block":
        yield from _problems(item.fields, value, owner, f"{where}.")
    elif item.kind == "blocks":
        for index, element in enumerate(value):
            if isinstance(element, dict):
                yield from _problems(item.fields, element, owner, f"{where}[{index}].")
            elif element is not UNKNOWN:
                yield Problem(
                    f"{where}[{index}]",
                    f'"{where}[{index}]" is {_shown(element)}, and {owner} takes an object there',
                )


def _fits(kind: str, value: Value) -> bool:
    if kind in ("block", "map"):
        return isinstance(value, dict)
    if kind in ("blocks", "list"):
        return isinstance(value, list)
    if kind == "asset":
        return isinstance(value, Asset)
    # As the official provider, take "8080" for 8080 and the reverse, and "true" for true.
    if kind in ("integer", "number"):
        return _is_number(value, whole=kind == "integer")
    if kind == "boolean":
        return isinstance(value, bool) or value in ("true", "false")
    return isinstance(value, str | int | float | bool)


def _is_number(value: Value, *, whole: bool) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return False
    return isinstance(value, int | float) and not (whole and value != int(value))


_NAMES = {
    "block": "object",
    "blocks": "list of objects",
    "map": "map of strings",
    "list": "list",
    "single": "string",
    "asset": "file or text asset",
}


def _wanted(item: Field) -> str:
    return _NAMES.get(item.kind, item.kind)


def _shown(value: Value) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
