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


def text(schema: dict[str, Any]) -> str:
    """Return the golden file's text."""
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
