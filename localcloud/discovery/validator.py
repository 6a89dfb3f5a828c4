"""Checks a JSON value against a discovery schema; made once per schema and mode, then only called.

Google's JSON reading is copied where clients lean on it: 64-bit integers arrive as strings or numbers and are kept as strings,
an enum's empty string means unset, nulls mean unset, output-only fields in a request are ignored.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from localcloud.discovery.invalid import invalid_value, not_repeating, unknown_name, wrong_type
from localcloud.discovery.swift import DROPPED, SwiftChecks, Unsure, unsure

if TYPE_CHECKING:
    from localcloud.discovery.json_value import JsonValue


class Mode(Enum):
    """What is made of a value.

    REQUEST: nulls, empty objects and read-only fields are dropped. PATCH: as REQUEST, but nulls and empty objects stay, for they
    mean something in a JSON merge patch. MESSAGE: as REQUEST, but empty objects stay, for APIs in which being there is saying something
    (``replication.automatic``). RESPONSE: nothing is dropped or converted, and everything must be exactly as the schema.
    """

    REQUEST = "request"
    PATCH = "patch"
    MESSAGE = "message"
    RESPONSE = "response"


class _Dropped(Enum):
    DROPPED = 0


_DROPPED: Final = _Dropped.DROPPED
_Check = Callable[[Any, str], Any]
_INTEGERS = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}
# Sent empty by clients, which compare with what is read back: an empty one says that it is off.
_MEANT_EMPTY = frozenset({"confidentialInstanceConfig"})
_DEEPEST = 32  # nested lists and objects; schemas refer to themselves


def _meant(name: str, cleaned: JsonValue) -> JsonValue:
    return {} if cleaned is _DROPPED and name in _MEANT_EMPTY else cleaned


def _kept(check: _Check) -> _Check:
    """Return the check of a map's entries: its keys are its user's, and say something by themselves."""

    def kept(value: JsonValue, field: str) -> JsonValue:
        cleaned = check(value, field)
        return {} if cleaned is _DROPPED else cleaned

    return kept


class Validator:
    """One schema in one mode."""

    def __init__(self, schemas: Mapping[str, Any], name: str, mode: Mode) -> None:
        self._schemas = schemas
        self._mode = mode
        self._named: dict[str, _Check] = {}
        self._check = self._reference(name)
        checks = SwiftChecks(schemas, dropping=mode is Mode.REQUEST, meant_empty=_MEANT_EMPTY)
        self._swift = unsure if mode is Mode.RESPONSE else checks.named(name)

    def __call__(self, value: JsonValue, field: str = "resource") -> JsonValue:
        """Return the value as the mode makes it; raises InvalidRequestError naming the field, its value and the rule."""
        try:
            swift = self._swift(value, 0)
        except Unsure:
            return self.checked(value, field)
        return {} if swift is DROPPED else swift

    def checked(self, value: JsonValue, field: str = "resource") -> JsonValue:
        """Do the same, with a name for every place in the value from the beginning."""
        result = self._check(value, field)
        return {} if result is _DROPPED else result

    def _reference(self, name: str) -> _Check:
        if name not in self._named:
            self._named[name] = self._later(name)  # while it is compiled: schemas refer to themselves
            self._named[name] = self._compile(self._schemas[name])
        return self._named[name]

    def _compile(self, schema: Mapping[str, Any]) -> _Check:
        if "$ref" in schema:
            return self._reference(schema["$ref"])
        kind = schema.get("type", "any")
        if kind == "object":
            return self._object(schema)
        if kind == "array":
            return self._array(schema)
        if kind == "boolean":
            return _boolean
        if kind in {"integer", "number"} or schema.get("format") in {"int64", "uint64"}:
            return self._number(schema)
        if kind == "string":
            return self._string(schema)
        return lambda value, _field: value

    def _object(self, schema: Mapping[str, Any]) -> _Check:
        requesting = self._mode is not Mode.RESPONSE
        dropping = self._mode is Mode.REQUEST
        keep_null = self._mode is Mode.PATCH
        properties: dict[str, _Check | None] = {}
        for name, child in schema.get("properties", {}).items():
            read_only = requesting and child.get("readOnly", False)
            properties[name] = None if read_only else self._lazy(child)
        others = schema.get("additionalProperties")
        rest = _kept(self._lazy(others)) if isinstance(others, dict) else None

        def check(value: JsonValue, field: str) -> JsonValue:
            if not isinstance(value, dict):
                raise (
                    not_repeating(field)
                    if isinstance(value, list)
                    else wrong_type(field, value, "TYPE_MESSAGE")
                )
            if field.count(".") > _DEEPEST:
                raise invalid_value(field.rpartition(".")[0], "...", f"Nested deeper than {_DEEPEST} levels.")
            result: dict[str, Any] = {}
            for name, item in value.items():
                if name in properties:
                    member = properties[name]
                    if member is None:
                        continue
                elif rest is not None:
                    member = rest
                else:
                    raise unknown_name(name, field)
                if item is None and requesting:
                    if keep_null:
                        result[name] = None
                    continue
                cleaned = _meant(name, member(item, f"{field}.{name}"))
                if cleaned is not _DROPPED:
                    result[name] = cleaned
            return _DROPPED if dropping and not result else result

        return check

    def _lazy(self, schema: Mapping[str, Any]) -> _Check:
        """Named schemas are compiled when first met: most of a large schema is never sent."""
        if "$ref" not in schema:
            return self._compile(schema)
        return self._later(schema["$ref"])

    def _later(self, name: str) -> _Check:
        def check(value: JsonValue, field: str) -> JsonValue:
            return self._reference(name)(value, field)

        return check

    def _array(self, schema: Mapping[str, Any]) -> _Check:
        member = self._lazy(schema["items"])
        requesting = self._mode is not Mode.RESPONSE
        dropping = self._mode is Mode.REQUEST

        def check(value: JsonValue, field: str) -> JsonValue:
            if not isinstance(value, list):
                raise wrong_type(field, value, "TYPE_LIST")
            result = []
            for index, item in enumerate(value):
                if item is None and requesting:
                    continue
                cleaned = member(item, f"{field}[{index}]")
                result.append({} if cleaned is _DROPPED else cleaned)
            return _DROPPED if dropping and not result else result

        return check

    def _number(self, schema: Mapping[str, Any]) -> _Check:
        form = schema.get("format", "int32")
        if schema.get("type") == "number":
            return self._real
        low, high = _INTEGERS[form]
        minimum, maximum = int(schema.get("minimum", low)), int(schema.get("maximum", high))
        as_text = schema["type"] == "string"
        exact = self._mode is Mode.RESPONSE

        def check(value: JsonValue, field: str) -> JsonValue:
            if exact and isinstance(value, str) is not as_text:
                raise wrong_type(field, value, f"TYPE_{form.upper()}")
            number = _integer(value)
            if number is None or not low <= number <= high:
                raise wrong_type(field, value, f"TYPE_{form.upper()}")
            if not minimum <= number <= maximum:
                raise invalid_value(field, value, f"Must be between {minimum} and {maximum}.")
            return str(number) if as_text else number

        return check

    def _real(self, value: JsonValue, field: str) -> JsonValue:
        if isinstance(value, bool):
            raise wrong_type(field, value, "TYPE_DOUBLE")
        if isinstance(value, int | float):
            return value
        try:
            if self._mode is not Mode.RESPONSE:
                return float(value)
        except (TypeError, ValueError):
            pass
        raise wrong_type(field, value, "TYPE_DOUBLE")

    def _string(self, schema: Mapping[str, Any]) -> _Check:
        allowed = frozenset(schema["enum"]) if "enum" in schema else None
        if allowed is not None:
            return self._enum(allowed)
        if schema.get("format") == "byte":
            return _bytes
        pattern = schema.get("pattern")
        if pattern is None:
            return _text
        matches = re.compile(pattern).fullmatch

        def check(value: JsonValue, field: str) -> str:
            text = _text(value, field)
            if not matches(text):
                raise invalid_value(field, text, f"Must be a match of regex '{pattern}'")
            return text

        return check

    def _enum(self, allowed: frozenset[str]) -> _Check:
        requesting = self._mode is not Mode.RESPONSE

        def check(value: JsonValue, field: str) -> JsonValue:
            if value in allowed if isinstance(value, str) else False:
                return value
            if value == "" and requesting:
                return _DROPPED
            raise invalid_value(field, value, f"Must be one of: {', '.join(sorted(allowed))}.")

        return check


def _integer(value: JsonValue) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,20}", value):
        return int(value)
    return None


def _boolean(value: JsonValue, field: str) -> bool:
    if isinstance(value, bool):
        return value
    raise wrong_type(field, value, "TYPE_BOOL")


def _text(value: JsonValue, field: str) -> str:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:  # JSON can spell half a surrogate pair; no Google string can hold one
            raise wrong_type(field, value, "TYPE_STRING") from None
        return value
    raise not_repeating(field) if isinstance(value, list) else wrong_type(field, value, "TYPE_STRING")


def _bytes(value: JsonValue, field: str) -> str:
    text = _text(value, field)
    try:
        base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid_value(field, text, "Base64 decoding failed.") from None
    return text
