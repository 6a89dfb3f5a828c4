"""Property values on the wire: protobuf structs to Python and back, with unknowns, secrets and assets as values of their own.

Python shapes: None, bool, int, float, str, list, dict, and the three classes below. Whole numbers become int.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import struct_pb2

Value = Any
"""A property's value: null, a boolean, a number, a text, a list, a map, `UNKNOWN`, a `Secret` or an `Asset`; also plain JSON."""

Properties = dict[str, Value]

_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the protocol's marker, not a secret
_ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
_ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"

# An unknown string, boolean, number, array, asset, archive and object, as the engine writes them.
_UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS: Final = frozenset(
    {
        _UNKNOWN_STRING,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)


class Unknown:
    """A value that only the deployment will tell. One instance: `UNKNOWN`."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value the engine must encrypt in its state and hide in its output."""

    value: Value


@dataclass(frozen=True)
class Asset:
    """A file or text, or an archive of them; `source` is one of text, path, uri, assets, or empty: states keep the SHA-256 `hash` alone."""

    source: str
    content: Value
    hash: str
    archive: bool = False


def from_struct(struct: struct_pb2.Struct) -> Properties:
    """Read a struct's fields."""
    return {key: _from_value(value) for key, value in struct.fields.items()}


def _from_value(value: struct_pb2.Value) -> Value:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "string_value":
        return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_from_value(element) for element in value.list_value.values]
    if kind == "struct_value":
        return _special(from_struct(value.struct_value))
    return None


def _special(fields: Properties) -> Value:
    signature = fields.get(_SIGNATURE)
    if signature == _SECRET:
        return Secret(fields.get("value"))
    if signature == _OUTPUT:
        value = fields.get("value", UNKNOWN)
        return Secret(value) if fields.get("secret") else value
    if signature in (_ASSET, _ARCHIVE):
        source = next((name for name in ("text", "path", "uri", "assets") if name in fields), "")
        return Asset(source, fields.get(source), str(fields.get("hash", "")), signature == _ARCHIVE)
    return fields


def to_struct(properties: Properties) -> struct_pb2.Struct:
    """Write properties into a struct."""
    struct = struct_pb2.Struct()
    _fill(struct, properties)
    return struct


def _fill(struct: struct_pb2.Struct, properties: Properties) -> None:
    for key, value in properties.items():
        _set(struct.fields[key], value)


def _set(target: struct_pb2.Value, value: Value) -> None:
    if value is None:
        target.null_value = struct_pb2.NULL_VALUE
    elif value is UNKNOWN:
        target.string_value = _UNKNOWN_STRING
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int | float):
        target.number_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, list):
        target.list_value.SetInParent()
        for element in value:
            _set(target.list_value.values.add(), element)
    elif isinstance(value, Secret):
        _set(target, {_SIGNATURE: _SECRET, "value": value.value})
    elif isinstance(value, Asset):
        signature = _ARCHIVE if value.archive else _ASSET
        content = {value.source: value.content} if value.source else {}
        _set(target, {_SIGNATURE: signature, "hash": value.hash, **content})
    else:
        target.struct_value.SetInParent()
        _fill(target.struct_value, value)


def reveal(value: Value) -> Value:
    """Return the value with every secret in it opened."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, list):
        return [reveal(element) for element in value]
    if isinstance(value, dict):
        return {key: reveal(element) for key, element in value.items()}
    return value


def holds(value: Value, kind: type[Unknown | Secret]) -> bool:
    """Tell whether an unknown (or a secret) is anywhere in the value."""
    if isinstance(value, kind):
        return True
    if isinstance(value, Secret):
        return holds(value.value, kind)
    if isinstance(value, list):
        return any(holds(element, kind) for element in value)
    if isinstance(value, dict):
        return any(holds(element, kind) for element in value.values())
    return False
