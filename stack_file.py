"""A stack's file (`Pulumi.STACK.yaml`), read as the engine reads it: for the tools that have no engine at hand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from components.invalid_argument import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent


class _Loader(yaml.SafeLoader):
    """The engine's YAML knows `true` and `false`; `on`, `off`, `yes` and `no` are words."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def committed_stacks(root: Path = ROOT) -> list[str]:
    """Return the names of the stacks that have a file."""
    return sorted(
        path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in root.glob("Pulumi.*.yaml")
    )


def read_document(stack: str, root: Path = ROOT) -> dict[str, Any]:
    """Return a stack's whole file.

    Raises:
        InvalidArgumentError: there is no such file, or it is no stack's file.
    """
    path = root / f"Pulumi.{stack}.yaml"
    if stack not in committed_stacks(root):
        raise InvalidArgumentError(
            "STACK", stack, f"there is no {path.name}", f"use one of {', '.join(committed_stacks(root))}"
        )
    try:
        document = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 - a SafeLoader, but for some words
    except yaml.YAMLError as error:
        reason = str(error)
        if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
            reason = (
                f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {error.problem}"
            )
        raise InvalidArgumentError(
            "STACK", stack, f"{path.name} is no YAML: {reason}",
            "mend that line or the one before it: spaces, no tabs, and keys of one section equally far in",
        ) from error  # fmt: skip
    if not isinstance(document, dict) or not isinstance(document.get("config"), dict):
        raise InvalidArgumentError(
            "STACK", stack, f"{path.name} has no settings", "write them further in, under config:"
        )
    return document


def read_config(stack: str, root: Path = ROOT) -> dict[str, Any]:
    """Return a stack's configuration as its file nests it.

    Raises:
        InvalidArgumentError: as `read_document`.
    """
    config: dict[str, Any] = read_document(stack, root)["config"]
    return config


def as_engine_passes(config: Mapping[str, Any]) -> dict[str, str]:
    """Return configuration as a program gets it from the engine: text, with anything that is none as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
