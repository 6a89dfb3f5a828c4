"""`python -m effective_settings STACK`: a stack's settings as the program sees them, each with where its value came from.

Needs neither an engine nor a cloud: it reads the stack's file as the program would, refuses what the program would refuse, and ends
with what the two health checks amount to.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.invalid_argument import InvalidArgumentError
from settings import NAMESPACE, PROVIDER_SETTINGS, Settings, refuse_secrets, section_defaults
from stack_file import as_engine_passes, read_config

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STACK_FILE = "stack file"
DEFAULT = "default"
_ABSENT = object()


@dataclass(frozen=True, kw_only=True)
class EffectiveSetting:
    """One key with its value, and where that came from: the stack's file, an environment's defaults, or the components' own."""

    key: str
    value: Any
    origin: str


def effective_settings(config: Mapping[str, Any]) -> list[EffectiveSetting]:
    """Return every setting that a stack's configuration amounts to, in the order of `Settings`.

    Args:
        config: the configuration as the stack's file nests it, keys with their namespaces.

    Raises:
        InvalidArgumentError: what the program would refuse.
    """
    refuse_secrets(key for key, value in config.items() if isinstance(value, Mapping) and "secure" in value)
    settings = Settings.from_config(as_engine_passes(config))
    environment = section_defaults(settings.environment)
    own = section_defaults(None)
    origin = f"{settings.environment} environment"
    found = [
        EffectiveSetting(key=f"gcp:{name}", value=getattr(settings, name), origin=STACK_FILE)
        for name in PROVIDER_SETTINGS
    ]
    for item in dataclasses.fields(Settings):
        if item.name in PROVIDER_SETTINGS:
            continue
        key = f"{NAMESPACE}:{item.name}"
        value = getattr(settings, item.name)
        said = config.get(key, _ABSENT)
        for path, leaf in _leaves(value):
            if _at(said, path) is not _ABSENT:
                came = STACK_FILE
            elif item.name == "canary" and path[:1] == ("machine",):
                came = f"{NAMESPACE}:machine"
            # A section within a section that the file has is the file's as a whole; only the outer ones are merged.
            elif len(path) > 1 and _at(said, path[:-1]) is not _ABSENT:
                came = DEFAULT
            else:
                usual = own.get(item.name, _fresh(value))
                came = (
                    DEFAULT
                    if _value_at(environment.get(item.name, usual), path) == _value_at(usual, path)
                    else origin
                )
            found.append(EffectiveSetting(key=".".join((key, *path)), value=leaf, origin=came))
    return found


def _leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Return every value below, with the keys that lead to it."""
    if dataclasses.is_dataclass(value):
        for item in dataclasses.fields(value):
            yield from _leaves(getattr(value, item.name), (*path, item.name))
    elif isinstance(value, Mapping) and any(map(dataclasses.is_dataclass, value.values())):
        for name, item in value.items():
            yield from _leaves(item, (*path, str(name)))
    else:
        yield path, value


def _at(said: object, path: tuple[str, ...]) -> object:
    """Return what the file says at these keys, or _ABSENT."""
    for name in path:
        if not isinstance(said, Mapping) or name not in said:
            return _ABSENT
        said = said[name]
    return said


def _value_at(value: object, path: tuple[str, ...]) -> object:
    """Return the typed value at these keys, or _ABSENT."""
    for name in path:
        value = value.get(name, _ABSENT) if isinstance(value, Mapping) else getattr(value, name, _ABSENT)
    return value


def _fresh(value: object) -> object:
    """Return a section of the same type with nothing said, or _ABSENT where it cannot be made of nothing."""
    try:
        return type(value)() if dataclasses.is_dataclass(value) and not isinstance(value, type) else _ABSENT
    except TypeError:
        return _ABSENT


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value if value and "\n" not in value else json.dumps(value)
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(item) for name, item in vars(value).items() if item is not None}
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a stack's settings and return the exit status: 1 for what the program would refuse."""
    parser = argparse.ArgumentParser(prog="python -m effective_settings", description=__doc__)
    parser.add_argument("stack", help="whose settings: STACK of Pulumi.STACK.yaml")
    parser.add_argument("--json", action="store_true", help="print one JSON object by key")
    given = parser.parse_args(arguments)
    try:
        config = read_config(given.stack)
        found = effective_settings(config)
    except InvalidArgumentError as refusal:
        print(refusal, file=sys.stderr)
        return 1
    if given.json:
        print(
            json.dumps(
                {item.key: {"value": _plain(item.value), "origin": item.origin} for item in found}, indent=2
            )
        )
        return 0
    rows = [(item.key, _shown(item.value), item.origin) for item in found]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    widths[1] = min(widths[1], 48)
    for key, value, origin in rows:
        print(f"{key:{widths[0]}}  {value:{widths[1]}}  {origin}")
    print(f"\n{Settings.from_config(as_engine_passes(config)).health_checks.timeline()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
