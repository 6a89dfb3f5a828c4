"""Labels as Google takes them, checked before anything is labelled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from components.invalid_argument import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LABELS = 64
_KEY = re.compile(r"[^\W\d_][\w-]{0,62}")
_VALUE = re.compile(r"[\w-]{0,63}")


def require_labels(field: str, labels: Mapping[str, str]) -> None:
    """Refuse labels that Google would refuse. Letters of any alphabet are allowed, in lower case.

    Args:
        field: what to call them in the error.
        labels: values by key.

    Raises:
        InvalidArgumentError: a key or a value has a character too many or another than it may, or there are too many labels.
    """
    if len(labels) > MAX_LABELS:
        raise InvalidArgumentError(
            field, f"{len(labels)} labels", f"Google takes {MAX_LABELS}", "keep the ones you search by"
        )
    for key, value in labels.items():
        for text, form in ((key, _KEY), (value, _VALUE)):
            if text != text.lower() or not form.fullmatch(text):
                raise InvalidArgumentError(
                    f"{field}.{key}", value,
                    "keys and values are lower-case letters, digits, dashes and underscores, at most 63, and a key begins with a letter",
                    "rename it",
                )  # fmt: skip
