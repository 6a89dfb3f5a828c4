"""The one error the program refuses bad input with, so that every refusal reads alike: thing, value, rule, fix."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
    from collections.abc import Iterator


class InvalidArgumentError(pulumi.RunError, ValueError):
    """A value that cannot work, refused before any resource exists. A `RunError`: Pulumi shows its text, and no traceback.

    Attributes:
        field: what was wrong, as its user writes it ("check_interval_sec"; with `inside`, "mig-nlb:autohealing_check.check_interval_sec").
        value: the value as given.
        rule: the rule it breaks, with the consequence of breaking it.
        fix: what to do instead.
    """

    def __init__(self, field: str, value: object, rule: str, fix: str) -> None:
        super().__init__(f"{field} = {value!r}: {rule}. Fix: {fix}.")
        self.field = field
        self.value = value
        self.rule = rule
        self.fix = fix

    def inside(self, path: str, separator: str = ".") -> InvalidArgumentError:
        """Return the same refusal with the field named from further out."""
        return InvalidArgumentError(f"{path}{separator}{self.field}", self.value, self.rule, self.fix)


@contextmanager
def within(path: str, separator: str = ".") -> Iterator[None]:
    """Name what is refused in the block from further out."""
    try:
        yield
    except InvalidArgumentError as refusal:
        raise refusal.inside(path, separator) from None


def require_range(field: str, value: float, low: float, high: float, unit: str = "") -> None:
    """Refuse a number outside an inclusive range that Google's API fixes.

    Raises:
        InvalidArgumentError: the number is outside.
    """
    if not low <= value <= high:
        of = f" {unit}" if unit else ""
        raise InvalidArgumentError(
            field,
            value,
            f"Compute Engine takes {low:g} to {high:g}{of}",
            f"choose a value from {low:g} to {high:g}",
        )


def require_choice(field: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is not one of the API's enumeration.

    Raises:
        InvalidArgumentError: the word is another.
    """
    if value not in choices:
        raise InvalidArgumentError(
            field, value, "not a value this field has", f"use one of {', '.join(choices)}"
        )
