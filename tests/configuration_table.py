"""The table of docs/configuration.md, made from the settings' own types."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from config_decoder import hints_of
from settings import PROVIDER_SETTINGS, Settings
from stack_schema import described

PAGE = Path(__file__).resolve().parents[1] / "docs/configuration.md"
HEADING = "## All keys\n"


def rows(record: Any, prefix: str, base: Any = None) -> list[tuple[str, str, str, str]]:  # noqa: ANN401 - as described
    """Return key, type, default and meaning of every field, those of sections after their section."""
    hints, words = hints_of(record), described(record)
    found = []
    for item in dataclasses.fields(record):
        if record is Settings and item.name in PROVIDER_SETTINGS:
            continue
        key = f"{prefix}{item.name}"
        found.append((key, kind(hints[item.name]), default(item, base), words.get(item.name, "")))
        section_base = item.default if dataclasses.is_dataclass(item.default) else None
        for section in sections(hints[item.name]):
            name = "NAME." if get_origin(hints[item.name]) is Mapping else ""
            found += rows(section, f"{key}.{name}".replace("..", "."), section_base)
    return found


def sections(annotation: Any) -> list[Any]:  # noqa: ANN401 - an annotation
    """Return the dataclasses in an annotation."""
    if dataclasses.is_dataclass(annotation):
        return [annotation]
    return [found for part in get_args(annotation) for found in sections(part)]


def kind(annotation: Any) -> str:  # noqa: ANN401 - an annotation
    """Return an annotation in a reader's words."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if dataclasses.is_dataclass(annotation):
        return "keys"
    if origin is Literal:
        return ", ".join(str(part) for part in parts)
    if origin in (Union, types.UnionType):
        names = [kind(part) for part in parts if part is not type(None)]
        return " or ".join(dict.fromkeys(name for name in names if name))
    if origin is tuple:
        return f"list of {kind(parts[0])}"
    if origin is Mapping:
        return f"{kind(parts[1])} by name"
    return {str: "text", int: "whole number", float: "number", bool: "true, false"}.get(annotation, "")


def default(item: dataclasses.Field[Any], base: Any) -> str:  # noqa: ANN401 - a section's own default
    """Return a field's default as YAML would have it; nothing for a section, whose fields have their own."""
    value = getattr(base, item.name) if base is not None else item.default
    if value is dataclasses.MISSING and item.default_factory is not dataclasses.MISSING:
        value = item.default_factory()
    if value is dataclasses.MISSING:
        return "required"
    if value is None or value in ((), {}) or dataclasses.is_dataclass(value) or isinstance(value, Mapping):
        return ""
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def table() -> str:
    """Return the table in Markdown."""
    lines = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"]
    lines += [
        f"| `{key}` | {value} | {given} | {meaning} |" for key, value, given, meaning in rows(Settings, "")
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the table into the page."""
    before, heading, _ = PAGE.read_text("utf-8").partition(HEADING)
    PAGE.write_text(f"{before}{heading}\n{table()}", "utf-8")


if __name__ == "__main__":
    main()
