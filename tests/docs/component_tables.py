"""The tables of docs/components.md: every component's arguments and outputs, and every value type's fields, from the dataclasses."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
import typing
from typing import TYPE_CHECKING, Any

import pulumi

import components
from environments import ENVIRONMENTS, EnvironmentDefaults
from stack_schema import described
from tests.docs.fences import ROOT
from tests.docs.written_part import WrittenPart

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADS = ("field", "type", "default", "by environment", "meaning")


def public_classes() -> list[type]:
    """Return the components, and the dataclasses beside them, each once, in the order of their files and lines."""
    found = []
    for module in sorted(pkgutil.iter_modules(components.__path__), key=lambda one: one.name):
        loaded = importlib.import_module(f"components.{module.name}")
        own = [
            one
            for name, one in vars(loaded).items()
            if inspect.isclass(one) and one.__module__ == loaded.__name__ and not name.startswith("_")
        ]
        found += sorted(own, key=lambda one: inspect.getsourcelines(one)[1])
    return found


def is_component(one: type) -> bool:
    """Tell a component from its arguments and from value types."""
    return issubclass(one, pulumi.ComponentResource) and one is not pulumi.ComponentResource


def summary(one: type) -> str:
    """Return the first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(one) or "").split("\n\n")[0].split())


def token(one: type) -> str:
    """Return the type token by which the engine knows a component."""
    found = re.search(r'"(mig-nlb:[\w:]+)"', inspect.getsource(one))
    return found[1] if found else ""


def shown(value: object) -> str:
    """Return a value as a reader would write it in Python; a section's own fields have their own defaults."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        given = [
            f"{item.name}={shown(getattr(value, item.name))}"
            for item in dataclasses.fields(value)
            if getattr(value, item.name) != _default(item)
        ]
        return f"{type(value).__name__}({', '.join(given)})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name!r}: {shown(one)}" for name, one in value.items()) + "}"
    if isinstance(value, tuple):
        return f"({', '.join(map(shown, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def _default(item: dataclasses.Field[Any]) -> object:
    if item.default_factory is not dataclasses.MISSING:
        return item.default_factory()
    return item.default


def by_environment(one: type, field: str) -> str:
    """Say where an environment's default is another than the type's own."""
    hints = typing.get_type_hints(EnvironmentDefaults)
    sections = [name for name, kind in hints.items() if kind is one]
    if not sections:
        return ""
    own: dict[str, list[str]] = {}
    for environment, defaults in ENVIRONMENTS.items():
        value = getattr(getattr(defaults, sections[0]), field)
        if value != getattr(one(), field):
            own.setdefault(shown(value), []).append(environment)
    return "; ".join(f"{', '.join(names)}: `{value}`" for value, names in own.items())


def fields(one: type) -> Iterator[tuple[str, ...]]:
    """Yield a row for each field of a dataclass."""
    words = described(one)
    for item in dataclasses.fields(one):
        kind = item.type if isinstance(item.type, str) else getattr(item.type, "__name__", str(item.type))
        value = _default(item)
        default = "required" if value is dataclasses.MISSING else f"`{shown(value)}`"
        yield (
            f"`{item.name}`",
            f"`{kind}`",
            default,
            by_environment(one, item.name),
            words.get(item.name, ""),
        )


def table(heads: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> list[str]:
    """Return a table in Markdown; columns that no row has anything in are left out."""
    found = list(rows)
    used = [place for place in range(len(heads)) if any(row[place] for row in found)]
    lines = [[heads[place] for place in used], ["---" for _ in used]]
    lines += [[row[place].replace("|", "\\|") for place in used] for row in found]
    return ["| " + " | ".join(line) + " |" for line in lines]


def outputs(one: type) -> Iterator[tuple[str, ...]]:
    """Yield a row for each output of a component."""
    words = described(one)
    for name, kind in inspect.get_annotations(one).items():
        if not name.startswith("_"):
            yield (f"`{name}`", f"`{kind}`", words.get(name, ""))


def page() -> str:
    """Return all tables, components first."""
    classes = public_classes()
    made = [one for one in classes if is_component(one)]
    values = [one for one in classes if dataclasses.is_dataclass(one)]
    lines: list[str] = []
    for one in made:
        args = next((value for value in values if value.__name__ == f"{one.__name__}Args"), None)
        lines += [f"## {one.__name__}", "", f"{summary(one)} `{token(one)}`, in `{_file(one)}`.", ""]
        if args is not None:
            lines += [f"`{args.__name__}`: {summary(args)}", "", *table(HEADS, fields(args)), ""]
        lines += ["Outputs:", "", *table(("output", "type", "meaning"), outputs(one)), ""]
    lines += ["## Values", "", "What the arguments above are made of.", ""]
    given = {f"{one.__name__}Args" for one in made}
    for one in values:
        if one.__name__ not in given and dataclasses.fields(one):
            lines += [
                f"### {one.__name__}",
                "",
                f"{summary(one)} In `{_file(one)}`.",
                "",
                *table(HEADS, fields(one)),
                "",
            ]
    return "\n".join(lines)


def _file(one: type) -> str:
    return one.__module__.replace(".", "/") + ".py"


PART = WrittenPart(ROOT / "docs/components.md", page)
