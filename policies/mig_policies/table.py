"""The table of rules in README.md: `python -m mig_policies.table` prints it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from mig_policies.catalogue import RULES
from mig_policies.configuration import load
from mig_policies.housekeeping import CONFIG_FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mig_policies.rule import Rule


def table() -> str:
    """Return one row per rule: what it asks, its level per environment, its parameters, Google's page."""
    stacks = {path.stem: load(path) for path in sorted(CONFIG_FOLDER.glob("*.json"))}
    lines = [
        f"| Rule | Asks | Level | {' | '.join(stacks)} | Google |",
        f"| --- | --- | --- | {' | '.join('---' for _ in stacks)} | --- |",
    ]
    for rule in RULES:
        cells = [_difference(rule, config) for config in stacks.values()]
        defaults = ", ".join(f"{item.name} {_value(item.default)}" for item in rule.parameters)
        level = f"{rule.level.value}{f' ({defaults})' if defaults else ''}"
        lines.append(f"| {rule.id} | {rule.title} | {level} | {' | '.join(cells)} | [page]({rule.url}) |")
    return "\n".join(lines) + "\n"


def _difference(rule: Rule, config: Mapping[str, Any]) -> str:
    given = config.get(rule.id)
    if given is None:
        return ""
    if isinstance(given, str):
        return given
    return ", ".join(
        f"{'' if key == 'enforcementLevel' else key + ' '}{_value(value)}" for key, value in given.items()
    )


def _value(value: object) -> str:
    return " ".join(map(str, value)) or "any" if isinstance(value, list | tuple) else str(value)


if __name__ == "__main__":
    sys.stdout.write(table())
