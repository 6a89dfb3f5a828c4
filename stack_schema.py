"""`python -m stack_schema`: writes docs/stack.schema.json, by which editors complete and check the stacks' files.

Made from the settings' own types and docstrings, so it cannot know less or more than the program: where the program refuses a key or a
type, the schema does. Rules between values (the two checks, surge and zones) remain the program's, and so do namespaces that only look
like ours; `make settings` applies them.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from config_decoder import TEXT_FORMS, hints_of, parts_of, plain, required
from settings import NAMESPACE, PROVIDER_SETTINGS, Settings

PATH: Final = Path(__file__).resolve().parent / "docs/stack.schema.json"
_SCALARS: Final = {str: "string", int: "integer", float: "number", bool: "boolean"}


def described(record: Any) -> dict[str, str]:  # noqa: ANN401 - a dataclass, which has no type of its own
    """Return what a dataclass's docstring says of each field."""
    found: dict[str, str] = {}
    _, _, section = (record.__doc__ or "").partition("Attributes:\n")
    for line in section.split("\n\n")[0].splitlines():
        if line.startswith("        ") and not line.startswith("         "):
            name, _, text = line.strip().partition(": ")
            found[name] = text
        elif found and line.strip():
            found[list(found)[-1]] += " " + line.strip()
    return found


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a stack's file."""
    section = _record(Settings, partial=False)
    keys = {
        f"{NAMESPACE}:{name}": item
        for name, item in section["properties"].items()
        if name not in PROVIDER_SETTINGS
    }
    provider = {
        f"gcp:{name}": {
            "type": "string",
            "minLength": 1,
            "description": section["properties"][name]["description"],
        }
        for name in PROVIDER_SETTINGS
    }
    needed = [f"{'gcp' if name in PROVIDER_SETTINGS else NAMESPACE}:{name}" for name in section["required"]]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"A stack of {NAMESPACE}",
        "description": "Made from settings.py by `python -m stack_schema`.",
        "type": "object",
        "required": ["config"],
        "additionalProperties": False,
        "properties": {
            "config": {
                "type": "object",
                "required": needed,
                "properties": provider | keys,
                # Providers have settings of their own; a misspelt one of ours is an error.
                "patternProperties": {f"^(?!{NAMESPACE}:)[^:]+:.+$": {}},
                "additionalProperties": False,
            },
            # What the engine itself writes into the file.
            **{name: {"type": "string"} for name in ("encryptionsalt", "secretsprovider", "encryptedkey")},
            "environment": {},
        },
    }


def _record(record: Any, *, partial: bool) -> dict[str, Any]:  # noqa: ANN401 - a dataclass
    """Return the schema of a section. `partial`: it has a whole default of its own, so no key of it is required."""
    hints, words = hints_of(record), described(record)
    properties = {}
    for item in dataclasses.fields(record):
        found = _annotation(hints[item.name], partial=dataclasses.is_dataclass(item.default))
        if item.name in words:
            found["description"] = words[item.name]
        if isinstance(item.default, str | int | float):
            found["default"] = item.default
        properties[item.name] = found
    needed = [] if partial else [item.name for item in dataclasses.fields(record) if required(item)]
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": needed} if needed else {}),
    }


def _annotation(annotation: Any, *, partial: bool = False, text_too: bool = True) -> dict[str, Any]:  # noqa: ANN401 - an annotation
    parts = parts_of(annotation)
    if len(parts) > 1:
        # Of a pulumi.Input[str] a file can hold the str only.
        choices = [
            _annotation(part, partial=partial, text_too=str not in parts) for part in parts if plain(part)
        ]
        choices += [{"type": "null"}] if type(None) in parts else []
        return choices[0] if len(choices) == 1 else {"anyOf": choices}
    origin = get_origin(annotation)
    if dataclasses.is_dataclass(annotation):
        return _record(annotation, partial=partial)
    if origin is Literal:
        return {"enum": list(get_args(annotation))}
    if origin is tuple:
        return {"type": "array", "items": _annotation(get_args(annotation)[0])}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _annotation(get_args(annotation)[1])}
    said = {"type": _SCALARS[annotation]}
    if text_too and annotation in TEXT_FORMS:
        return {"anyOf": [said, {"type": "string", "pattern": f"^({TEXT_FORMS[annotation]})$"}]}
    return said


def text() -> str:
    """Return the file's text."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), "utf-8")
