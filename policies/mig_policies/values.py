"""Resource properties as plain values, with what is not known yet marked instead of raising.

The policy SDK hands out proxies that raise on *any* touch of an unknown, `in` and `.get` included, and one such
error ends the whole policy as a mere warning. So properties are copied once into plain dicts and lists in which
`UNKNOWN` stands for a value that exists only after the deployment; reading one raises `Undetermined`, which costs
the one rule on the one resource that needed it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias, TypeVar

from pulumi_policy.proxy import UnknownValueError


class Unknown(enum.Enum):
    """The type of `UNKNOWN`."""

    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown.UNKNOWN

Plain: TypeAlias = "bool | float | str | Unknown | list[Plain] | dict[str, Plain] | None"
Tree: TypeAlias = dict[str, Plain]
_T = TypeVar("_T")


class Undetermined(Exception):  # noqa: N818 - a verdict that travels as an exception, not an error
    """A rule needed something that cannot be told yet or from here; the message says what."""


def plain(value: object) -> Plain:
    """Copy a value handed out by the policy SDK, with `UNKNOWN` where it would raise; internal keys are dropped."""
    if isinstance(value, Mapping):
        tree: Tree = {}
        for key in list(value):
            if str(key).startswith("__"):
                continue
            try:
                tree[str(key)] = plain(value[key])
            except UnknownValueError:
                tree[str(key)] = UNKNOWN
        return tree
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        items: list[Plain] = []
        for position in range(len(value)):
            try:
                items.append(plain(value[position]))
            except UnknownValueError:
                items.append(UNKNOWN)
        return items
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return float(value)
    return f"<{type(value).__name__}>"  # assets and archives: no rule looks inside


def plain_tree(value: Mapping[str, object]) -> Tree:
    """`plain` for a resource's whole property map."""
    tree = plain(value)
    return tree if isinstance(tree, dict) else {}


def contains_unknown(value: Plain) -> bool:
    """Tell whether any part of `value` is unknown."""
    if isinstance(value, dict):
        return any(contains_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(contains_unknown(item) for item in value)
    return value is UNKNOWN


def goal(declared: Tree | None, predicted: Tree) -> Tree:
    """Combine what the program declares (inputs) with what the provider predicts (outputs).

    A prediction that is known wins: it is the state after the deployment. Where it is unknown the declaration
    decides, and what is neither predicted nor declared is unset (`None`), so that the API's default applies. This
    is what makes rules decisive on a first preview, where providers predict "unknown" for every computed field.
    """
    if declared is None:
        return predicted
    return {key: _goal(declared.get(key), predicted.get(key)) for key in {**predicted, **declared}}


def _goal(declared: Plain, predicted: Plain) -> Plain:
    if predicted is None or predicted is UNKNOWN:
        return declared
    if isinstance(predicted, dict) and contains_unknown(predicted):
        if isinstance(declared, dict):
            return goal(declared, predicted)
        return predicted if declared is UNKNOWN else goal({}, predicted)
    if isinstance(predicted, list) and contains_unknown(predicted) and isinstance(declared, list):
        return declared  # providers reorder sets, so elements cannot be matched one by one
    return predicted


class Properties:
    """A resource's properties, or a block within them, read by name; reading an unknown raises `Undetermined`."""

    def __init__(self, tree: Tree, path: str = "") -> None:
        self._tree = tree
        self._path = path

    def raw(self, name: str) -> Plain:
        """Return the value at the dotted `name` without raising: `None` if unset, `UNKNOWN` if not known."""
        value: Plain = self._tree
        for part in name.split("."):
            if value is UNKNOWN:
                return UNKNOWN
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def get(self, name: str) -> Plain:
        """Return the value at the dotted `name`, `None` if unset.

        Raises:
            Undetermined: the value, or a block around it, is unknown.
        """
        value = self.raw(name)
        if value is UNKNOWN:
            raise Undetermined(f"{self._at(name)} is not known before the deployment")
        return value

    def integer(self, name: str, default: _T) -> int | _T:
        """Return the whole number at `name`, or `default` if unset; digits in a string count as a number."""
        value = self.get(name)
        if value is None:
            return default
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, str) and value.isdecimal():
            return int(value)
        raise Undetermined(f"{self._at(name)} is {value!r}, where a whole number belongs")

    def text(self, name: str, default: _T) -> str | _T:
        """Return the string at `name`, or `default` if unset or empty."""
        value = self.get(name)
        if value is None or value == "":
            return default
        if isinstance(value, str):
            return value
        raise Undetermined(f"{self._at(name)} is {value!r}, where a string belongs")

    def flag(self, name: str, *, default: bool) -> bool:
        """Return the boolean at `name`, or `default` if unset; metadata's "TRUE" and "false" count as booleans."""
        value = self.get(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        raise Undetermined(f"{self._at(name)} is {value!r}, where true or false belongs")

    def block(self, name: str) -> Properties | None:
        """Return the nested block at `name`, or `None` if unset."""
        value = self.get(name)
        if value is None:
            return None
        if isinstance(value, dict):
            return Properties(value, self._at(name))
        raise Undetermined(f"{self._at(name)} is {value!r}, where an object belongs")

    def blocks(self, name: str) -> list[Properties]:
        """Return the list of blocks at `name`, empty if unset.

        Raises:
            Undetermined: the list, or a whole element of it, is unknown.
        """
        found: list[Properties] = []
        for position, value in enumerate(self._items(name)):
            at = f"{self._at(name)}[{position}]"
            if not isinstance(value, dict):
                raise Undetermined(f"{at} is not known before the deployment")
            found.append(Properties(value, at))
        return found

    def texts(self, name: str) -> list[str]:
        """Return the list of strings at `name`, empty if unset; any unknown element raises `Undetermined`."""
        found: list[str] = []
        for position, value in enumerate(self._items(name)):
            if not isinstance(value, str):
                raise Undetermined(f"{self._at(name)}[{position}] is not known before the deployment")
            found.append(value)
        return found

    def _items(self, name: str) -> list[Plain]:
        value = self.get(name)
        if value is None:
            return []
        if isinstance(value, list):
            return value
        raise Undetermined(f"{self._at(name)} is {value!r}, where a list belongs")

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name
