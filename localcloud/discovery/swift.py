"""The same checks without the words for what is wrong: nearly every value is right, and then nobody reads where it stands.

A `SwiftCheck` returns what `Validator` would return, or raises `Unsure`, be the value wrong or only unusual; the validator then
decides, and says what is wrong and where. So nothing here needs to be complete, but what it returns must be the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

DROPPED: Final = object()
SwiftCheck = Callable[[Any, int], Any]  # of a value, and how many objects it is within
_DEEPEST = 16


class Unsure(Exception):  # noqa: N818 - no error: the question goes to somebody else
    """It takes the validator to tell."""


def unsure(_value: Any, _depth: int) -> Any:  # noqa: ANN401 - JSON
    """Leave it to the validator."""
    raise Unsure


class SwiftChecks:
    """Compiles the checks of requests' schemas; those of schemas named in others are compiled when first met.

    `dropping`: empty objects and lists are left out, as in `Mode.REQUEST`.
    """

    def __init__(self, schemas: Mapping[str, Any], *, dropping: bool, meant_empty: frozenset[str]) -> None:
        self._schemas, self._dropping, self._meant_empty = schemas, dropping, meant_empty
        self._named: dict[str, SwiftCheck] = {}

    def named(self, name: str) -> SwiftCheck:
        """Return the check of a schema."""
        found = self._named.get(name)
        if found is None:
            found = self._named[name] = self._compile(self._schemas[name])
        return found

    def _compile(
        self, schema: Mapping[str, Any], known: Callable[[SwiftCheck], None] | None = None
    ) -> SwiftCheck:
        """Return a schema's check; `known` is given the check of a named one when that is first met, to call it from then on."""
        if "$ref" in schema:
            return self._later(schema["$ref"], known)
        kind = schema.get("type", "any")
        if kind == "object":
            return self._object(schema)
        if kind == "array":
            return self._array(schema["items"])
        if kind == "boolean":
            return _boolean
        if kind == "number":
            return _real
        form = schema.get("format")
        if kind == "integer" and form in {None, "int32"}:
            return _integer(int(schema.get("minimum", -(2**31))), int(schema.get("maximum", 2**31 - 1)))
        if (
            kind == "string"
            and form in {"int64", "uint64"}
            and "minimum" not in schema
            and "maximum" not in schema
        ):
            return _long
        if kind == "string" and form is None:
            return _string(schema)
        return unsure

    def _later(self, name: str, known: Callable[[SwiftCheck], None] | None) -> SwiftCheck:
        def check(value: Any, depth: int) -> Any:  # noqa: ANN401 - JSON
            found = self.named(name)
            if known is not None:
                known(found)
            return found(value, depth)

        return check

    def _object(self, schema: Mapping[str, Any]) -> SwiftCheck:
        members: dict[str, SwiftCheck] = {}
        for name, child in schema.get("properties", {}).items():
            if child.get("readOnly") or name in self._meant_empty:
                members[name] = unsure
            else:
                members[name] = self._compile(child, partial(members.__setitem__, name))
        others = schema.get("additionalProperties")
        rest = self._compile(others) if isinstance(others, dict) else unsure
        dropping = self._dropping

        def check(value: Any, depth: int) -> Any:  # noqa: ANN401 - JSON
            if value.__class__ is not dict or depth > _DEEPEST:
                raise Unsure
            result: dict[str, Any] = {}
            for name, item in value.items():
                member = members.get(name)
                if member is _text and item.__class__ is str and item.isascii():  # most are, and need no call
                    result[name] = item
                    continue
                if member is None:
                    if "." in name:  # it would pass for two
                        raise Unsure
                    member = rest
                if item is None:
                    raise Unsure
                cleaned = member(item, depth + 1)
                if cleaned is not DROPPED:
                    result[name] = cleaned
                elif member is rest:
                    raise Unsure
            return DROPPED if dropping and not result else result

        return check

    def _array(self, items: Mapping[str, Any]) -> SwiftCheck:
        dropping = self._dropping
        member: SwiftCheck = unsure

        def known(found: SwiftCheck) -> None:
            nonlocal member
            member = found

        member = self._compile(items, known)

        def check(value: Any, depth: int) -> Any:  # noqa: ANN401 - JSON
            if value.__class__ is not list:
                raise Unsure
            result = []
            for item in value:
                if item is None:
                    raise Unsure
                cleaned = member(item, depth)
                result.append({} if cleaned is DROPPED else cleaned)
            return DROPPED if dropping and not result else result

        return check


def _boolean(value: Any, _depth: int) -> bool:  # noqa: ANN401 - JSON
    if value is True or value is False:
        return value
    raise Unsure


def _integer(low: int, high: int) -> SwiftCheck:
    def check(value: Any, _depth: int) -> int:  # noqa: ANN401 - JSON
        if value.__class__ is int and low <= value <= high:
            return value
        raise Unsure

    return check


def _long(value: Any, _depth: int) -> str:  # noqa: ANN401 - JSON
    if (
        value.__class__ is str
        and len(value) < 19
        and value.isascii()
        and value.isdigit()
        and (value[0] != "0" or len(value) == 1)
    ):
        return value
    raise Unsure


def _real(value: Any, _depth: int) -> float:  # noqa: ANN401 - JSON
    if value.__class__ is int or value.__class__ is float:
        return value
    raise Unsure


def _text(value: Any, _depth: int) -> str:  # noqa: ANN401 - JSON
    if value.__class__ is str and value.isascii():
        return value
    raise Unsure


def _string(schema: Mapping[str, Any]) -> SwiftCheck:
    if "enum" not in schema and "pattern" not in schema:
        return _text
    allowed = frozenset(schema["enum"]) if "enum" in schema else None
    matches = re.compile(schema["pattern"]).fullmatch if allowed is None and "pattern" in schema else None

    def check(value: Any, _depth: int) -> str:  # noqa: ANN401 - JSON
        if (
            value.__class__ is str
            and value.isascii()
            and (allowed is None or value in allowed)
            and (matches is None or matches(value))
        ):
            return value
        raise Unsure

    return check
