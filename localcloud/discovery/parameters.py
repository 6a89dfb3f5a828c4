"""Checks a method's path and query parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.discovery.invalid import invalid_value, required, unknown_parameter, wrong_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.discovery.json_value import JsonValue


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: str
    repeated: bool
    pattern: re.Pattern[str] | None
    enum: frozenset[str] | None
    minimum: int | None
    maximum: int | None


class Parameters:
    """What one method takes; `common` are those that every method of its API takes."""

    def __init__(self, own: Mapping[str, Any], common: Mapping[str, Any]) -> None:
        self._path = {name: _rule(spec) for name, spec in own.items() if spec["location"] == "path"}
        self._query = {
            name: _rule(spec) for name, spec in {**common, **own}.items() if spec["location"] == "query"
        }
        self._required = [
            n for n, spec in own.items() if spec["location"] == "query" and spec.get("required")
        ]

    @property
    def names(self) -> frozenset[str]:
        """Return the names of what may be in the query."""
        return frozenset(self._query)

    def check_path(self, name: str, value: str) -> None:
        """Refuse a path parameter that breaks its pattern."""
        rule = self._path.get(name)
        if rule is not None and rule.pattern is not None and not rule.pattern.fullmatch(value):
            raise invalid_value(name, value, f"Must be a match of regex '{rule.pattern.pattern}'")

    def query(self, pairs: Mapping[str, list[str]]) -> dict[str, Any]:
        """Return the query's parameters by name, converted; repeated ones as lists. Unknown and missing ones are refused."""
        result: dict[str, Any] = {}
        for name, values in pairs.items():
            rule = self._query.get(name)
            if rule is None:
                raise unknown_parameter(name)
            if rule.repeated:
                result[name] = [_convert(rule, name, value) for value in values]
            else:
                result[name] = _convert(rule, name, values[-1])
        for name in self._required:
            if name not in result:
                raise required(name)
        return result


def _rule(spec: Mapping[str, Any]) -> _Rule:
    return _Rule(
        kind=spec["type"],
        repeated=spec.get("repeated", False),
        pattern=re.compile(spec["pattern"]) if "pattern" in spec else None,
        enum=frozenset(spec["enum"]) if "enum" in spec else None,
        minimum=int(spec["minimum"]) if "minimum" in spec else None,
        maximum=int(spec["maximum"]) if "maximum" in spec else None,
    )


def _convert(rule: _Rule, name: str, value: str) -> JsonValue:
    if rule.kind == "boolean":
        if value.lower() not in {"true", "false"}:
            raise wrong_type(name, value, "TYPE_BOOL")
        return value.lower() == "true"
    if rule.kind == "integer":
        if not re.fullmatch(r"-?[0-9]{1,10}", value):
            raise wrong_type(name, value, "TYPE_INT32")
        number = int(value)
        if (rule.minimum is not None and number < rule.minimum) or (
            rule.maximum is not None and number > rule.maximum
        ):
            bounds = f"[{rule.minimum}, {'' if rule.maximum is None else rule.maximum}]"
            raise invalid_value(name, value, f"Values must be within the range: {bounds}")
        return number
    if rule.pattern is not None and not rule.pattern.fullmatch(value):
        raise invalid_value(name, value, f"Must be a match of regex '{rule.pattern.pattern}'")
    if rule.enum is not None and value not in rule.enum:
        raise invalid_value(name, value, f"Must be one of: {', '.join(sorted(rule.enum))}.")
    return value
