"""What a rule is: what it says, where Google says it, what can be set about it, and how it looks."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from pulumi_policy import EnforcementLevel, Severity

from mig_policies.resource import Resource
from mig_policies.stack import Stack
from mig_policies.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping


ADVISORY = EnforcementLevel.ADVISORY
MANDATORY = EnforcementLevel.MANDATORY
LOW, MEDIUM, HIGH, CRITICAL = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL


class Stricter(enum.Enum):
    """Which way a parameter gets stricter, so that two environments can be compared."""

    HIGHER = "higher"
    LOWER = "lower"
    FEWER = "a subset"
    NEITHER = "neither"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One typed setting of a rule, as JSON schema has it."""

    name: str
    description: str
    default: float | bool | tuple[str, ...]
    stricter: Stricter
    minimum: float | None = None
    maximum: float | None = None

    def schema(self) -> dict[str, object]:
        """Return the JSON schema of the value."""
        if isinstance(self.default, tuple):
            return {
                "type": "array",
                "items": {"type": "string"},
                "default": list(self.default),
                "description": self.description,
            }
        kind = "boolean" if isinstance(self.default, bool) else "number"
        bounds = {"minimum": self.minimum, "maximum": self.maximum}
        return {
            "type": kind,
            "default": self.default,
            "description": self.description,
            **{key: bound for key, bound in bounds.items() if bound is not None},
        }


class Parameters:
    """A rule's settings for this stack, defaults filled in."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def number(self, name: str) -> float:
        """Return a numeric setting."""
        value = self._values[name]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"parameter {name} is {value!r}, not a number")
        return float(value)

    def texts(self, name: str) -> list[str]:
        """Return a setting that is a list of strings."""
        value = self._values[name]
        if not isinstance(value, list | tuple):
            raise TypeError(f"parameter {name} is {value!r}, not a list")
        return [str(item) for item in value]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What all rules have in common; a rule judges every resource of `types`."""

    id: str
    title: str
    description: str
    remediation: str
    url: str
    severity: Severity
    level: EnforcementLevel
    types: frozenset[str]
    parameters: tuple[Parameter, ...] = field(default=())
    scope: ClassVar[str]

    def settings(self, config: Mapping[str, object]) -> Parameters:
        """Return the parameters as configured, with defaults for the rest."""
        return Parameters(
            {parameter.name: config.get(parameter.name, parameter.default) for parameter in self.parameters}
        )


@dataclass(frozen=True, kw_only=True)
class ResourceRule(Rule):
    """A rule that needs nothing but the resource's inputs, so it speaks before anything is created."""

    scope = "resource"
    look: Callable[[Resource, Parameters], Verdict | Iterable[Verdict]]


@dataclass(frozen=True, kw_only=True)
class StackRule(Rule):
    """A rule about how resources fit together; it sees the whole stack, at preview before anything is created."""

    scope = "stack"
    look: Callable[[Resource, Stack, Parameters], Verdict | Iterable[Verdict]]
