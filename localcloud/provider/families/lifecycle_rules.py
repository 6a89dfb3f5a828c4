"""A bucket's lifecycle rules: what happens to its objects when."""

from __future__ import annotations

from localcloud.provider.mapping import Body, Scope, coerce, look
from localcloud.provider.values import UNKNOWN, Properties, Value

_CONDITION_NUMBERS = (
    "age",
    "numNewerVersions",
    "daysSinceNoncurrentTime",
    "daysSinceCustomTime",
    "sizeAboveBytes",
    "sizeBelowBytes",
)
_CONDITION_TEXTS = ("createdBefore", "customTimeBefore", "noncurrentTimeBefore")
_CONDITION_LISTS = {
    "matchesPrefixes": "matchesPrefix",
    "matchesSuffixes": "matchesSuffix",
    "matchesStorageClasses": "matchesStorageClass",
}
_ZERO_SWITCHES = {
    "age": "sendAgeIfZero",
    "numNewerVersions": "sendNumNewerVersionsIfZero",
    "daysSinceNoncurrentTime": "sendDaysSinceNoncurrentTimeIfZero",
    "daysSinceCustomTime": "sendDaysSinceCustomTimeIfZero",
}


def write_rules(value: Value, _: Scope) -> Body:
    """Write the rules; none at all as an empty list."""
    return {"rule": [_write_rule(rule) for rule in value or []]}


def _write_rule(rule: Properties) -> Body:
    action = {name: rule["action"][name] for name in ("type", "storageClass") if rule["action"].get(name)}
    given = {name: None if item is UNKNOWN else item for name, item in rule["condition"].items()}
    condition: Body = {}
    for name in _CONDITION_NUMBERS:
        if given.get(name) or (given.get(name) is not None and given.get(_ZERO_SWITCHES.get(name, ""))):
            condition[name] = coerce("integer", given[name])
    condition.update({name: given[name] for name in _CONDITION_TEXTS if given.get(name)})
    condition.update({api: given[name] for name, api in _CONDITION_LISTS.items() if given.get(name)})
    if given.get("withState") in ("LIVE", "ARCHIVED"):
        condition["isLive"] = given["withState"] == "LIVE"
    return {"action": action, "condition": condition}


def read_rules(body: Body, scope: Scope) -> list[Properties]:
    """Read the rules; which zeros were meant is known from the state before only."""
    before = scope.properties.get("lifecycleRules")
    befores = before if isinstance(before, list) else []
    rules = look(body, "lifecycle.rule") or []
    return [_read_rule(rule, befores[at] if at < len(befores) else {}) for at, rule in enumerate(rules)]


def _read_rule(rule: Body, prior: Properties) -> Properties:
    condition = rule.get("condition") or {}
    before = prior.get("condition") or {}
    live = condition.get("isLive")
    state: Properties = {name: int(condition.get(name) or 0) for name in _CONDITION_NUMBERS}
    state.update({name: condition.get(name, "") for name in _CONDITION_TEXTS})
    state.update({name: condition.get(api) or [] for name, api in _CONDITION_LISTS.items()})
    state.update({switch: before.get(switch) is True for switch in _ZERO_SWITCHES.values()})
    state["withState"] = "ANY" if live is None else "LIVE" if live else "ARCHIVED"
    action = rule.get("action") or {}
    return {
        "action": {"type": action.get("type", ""), "storageClass": action.get("storageClass", "")},
        "condition": state,
    }
