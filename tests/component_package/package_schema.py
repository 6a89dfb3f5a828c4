"""The package's schema in one form, whoever printed it: the SDK leaves nothing out, the engine leaves out what is empty and sorts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).with_name("schema.json")
REGENERATE = "UPDATE_GOLDEN=1 python -m pytest -q tests/component_package"


def normal(schema: str) -> dict[str, Any]:
    """Return a schema without what is empty; keys sorted when it is written."""
    found: dict[str, Any] = _without_empty(json.loads(schema))
    return found


def _without_empty(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        kept = {key: _without_empty(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in ({}, [], None, "")}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def without_inner_descriptions(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a schema as the engine prints it: what a list or a map is of has no description beside the list's own."""
    if not isinstance(schema, dict):
        return [without_inner_descriptions(item) for item in schema] if isinstance(schema, list) else schema
    found = {key: without_inner_descriptions(item) for key, item in schema.items()}
    for key in ("items", "additionalProperties"):
        if isinstance(found.get(key), dict) and ("type" in found[key] or "$ref" in found[key]):
            found[key].pop("description", None)
    return found


def text(schema: dict[str, Any]) -> str:
    """Return the golden file's text."""
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
