"""The pack's configuration, one file per stack: read, linted, and compared between environments.

The engine checks types of the parameters it knows and lets everything else pass: a misspelt rule, key or level would go
unseen, and the rule would run on its defaults. So the files are linted whenever the pack starts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pulumi_policy import EnforcementLevel

from mig_policies.exemption import parse_exemption
from mig_policies.rule import Parameter, Rule, Stricter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

LEVELS: Final = {
    level.value: level
    for level in (EnforcementLevel.DISABLED, EnforcementLevel.ADVISORY, EnforcementLevel.MANDATORY)
}
_STRICTNESS: Final = {level: rank for rank, level in enumerate(LEVELS.values())}


class ConfigurationError(Exception):
    """The configuration cannot be used; `faults` has one sentence per fault."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What one policy accepts in a configuration file."""

    id: str
    level: EnforcementLevel
    parameters: tuple[Parameter, ...] = ()
    # Plain string settings, which only the policies about the pack itself have.
    texts: frozenset[str] = frozenset()
    exemptible: bool = True
    # The weakest level a file may give it.
    floor: EnforcementLevel = EnforcementLevel.DISABLED


def entry_of(rule: Rule) -> Entry:
    """Return what a rule accepts."""
    return Entry(id=rule.id, level=rule.level, parameters=rule.parameters)


def load(path: Path) -> dict[str, object]:
    """Read a file.

    Raises:
        ConfigurationError: it is no JSON object, or has a key twice.
    """

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        keys = [key for key, _ in pairs]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ConfigurationError([f"{path.name}: '{twice[0]}' stands there twice"])
        return dict(pairs)

    try:
        found = json.loads(path.read_text("utf-8"), object_pairs_hook=unique)
    except ValueError as fault:
        raise ConfigurationError([f"{path.name}: no JSON ({fault})"]) from fault
    if not isinstance(found, dict):
        raise ConfigurationError([f"{path.name}: not a JSON object"])
    return found


def lint(config: Mapping[str, object], entries: Iterable[Entry]) -> list[str]:
    """Return what is wrong with a configuration, one sentence per fault; none if it is sound."""
    known = {entry.id: entry for entry in entries}
    faults: list[str] = []
    for name, value in config.items():
        if name == "all":
            faults.append(
                "'all' sets every level at once, those that guard the gate included; name the rules instead"
            )
        elif name not in known:
            faults.append(f"unknown rule '{name}'; there are {', '.join(known)}")
        elif isinstance(value, str):
            faults += _lint_level(known[name], value)
        elif isinstance(value, dict):
            faults += _lint_entry(known[name], value)
        else:
            faults.append(f"{name}: {value!r} is neither a level nor an object")
    return faults


def _lint_level(entry: Entry, level: object) -> list[str]:
    if level not in LEVELS:
        return [f"{entry.id}: level {level!r}, known are {', '.join(LEVELS)}"]
    if _STRICTNESS[LEVELS[str(level)]] < _STRICTNESS[entry.floor]:
        return [f"{entry.id}: level {level}, at least {entry.floor.value} required; the gate would be open"]
    return []


def _lint_entry(entry: Entry, given: Mapping[str, object]) -> list[str]:
    parameters = {parameter.name: parameter for parameter in entry.parameters}
    faults: list[str] = []
    for key, value in given.items():
        if key == "enforcementLevel":
            faults += _lint_level(entry, value)
        elif key == "exemptions" and entry.exemptible:
            faults += _lint_exemptions(entry.id, value)
        elif key in entry.texts:
            faults += (
                [] if isinstance(value, str) and value else [f"{entry.id}.{key}: {value!r} is not a name"]
            )
        elif key in parameters:
            faults += _lint_parameter(entry.id, parameters[key], value)
        else:
            accepted = [
                "enforcementLevel",
                *parameters,
                *sorted(entry.texts),
                *(["exemptions"] if entry.exemptible else []),
            ]
            faults.append(f"{entry.id}: unknown key '{key}'; it has {', '.join(accepted)}")
    return faults


def _lint_parameter(rule: str, parameter: Parameter, value: object) -> list[str]:
    where = f"{rule}.{parameter.name}: {value!r}"
    if isinstance(parameter.default, tuple):
        right = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return [] if right else [f"{where} is not a list of strings"]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return [f"{where} is not a number"]
    if parameter.minimum is not None and value < parameter.minimum:
        return [f"{where}, required at least {parameter.minimum:g}"]
    if parameter.maximum is not None and value > parameter.maximum:
        return [f"{where}, required at most {parameter.maximum:g}"]
    return []


def _lint_exemptions(rule: str, value: object) -> list[str]:
    if not isinstance(value, list):
        return [f"{rule}.exemptions: {value!r} is not a list"]
    faults: list[str] = []
    for item in value:
        try:
            parse_exemption(rule, item)
        except (TypeError, ValueError) as fault:
            faults.append(str(fault))
    return faults


def laxer(stack: Mapping[str, object], source: Mapping[str, object], entries: Iterable[Entry]) -> list[str]:
    """Return in what `stack` is laxer than `source`, the stack it is promoted from; none if it is at least as strict."""
    found: list[str] = []
    for entry in entries:
        here, there = _level(stack, entry), _level(source, entry)
        if _STRICTNESS[here] < _STRICTNESS[there]:
            found.append(f"{entry.id} is {here.value} here and {there.value} there")
        for parameter in entry.parameters:
            ours, theirs = _parameter(stack, entry, parameter), _parameter(source, entry, parameter)
            if _is_laxer(parameter, ours, theirs):
                found.append(f"{entry.id}.{parameter.name} is {_shown(ours)} here and {_shown(theirs)} there")
    return found


def _given(config: Mapping[str, object], entry: Entry) -> Mapping[str, object]:
    value = config.get(entry.id, {})
    return value if isinstance(value, dict) else {"enforcementLevel": value}


def _level(config: Mapping[str, object], entry: Entry) -> EnforcementLevel:
    return LEVELS.get(str(_given(config, entry).get("enforcementLevel", "")), entry.level)


def _parameter(config: Mapping[str, object], entry: Entry, parameter: Parameter) -> object:
    return _given(config, entry).get(parameter.name, parameter.default)


def _is_laxer(parameter: Parameter, ours: object, theirs: object) -> bool:
    if (
        parameter.stricter is Stricter.FEWER
        and isinstance(ours, list | tuple)
        and isinstance(theirs, list | tuple)
    ):
        # An empty list means that nothing is restricted where the default says so, and that nothing is allowed elsewhere.
        if parameter.default == ():
            return bool(theirs) and (not ours or not set(ours) <= set(theirs))
        return not set(ours) <= set(theirs)
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        if parameter.stricter is Stricter.HIGHER:
            return ours < theirs
        if parameter.stricter is Stricter.LOWER:
            return ours > theirs
    return False


def _shown(value: object) -> str:
    return (
        ", ".join(map(str, value)) or "anything"
        if isinstance(value, list | tuple)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
