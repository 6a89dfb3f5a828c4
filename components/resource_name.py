"""Names within Google's limits, checked before anything is created under them."""

from __future__ import annotations

import re

from components.invalid_argument import InvalidArgumentError

MAX_NAME = 63
AUTO_SUFFIX = 8  # Pulumi's automatic names end in a dash and seven hexadecimal digits
_RESOURCE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def require_resource_name(
    field: str, name: str, *, suffix: str = "", limit: int = MAX_NAME, automatic: bool = False
) -> str:
    """Return `name` + `suffix`, refused when Google would refuse it or what Pulumi appends to it.

    Args:
        field: what to call the name in the error.
        name: what the user chose.
        suffix: what this program appends.
        limit: the longest name this kind of resource may have.
        automatic: whether Pulumi appends its random suffix as well.

    Raises:
        InvalidArgumentError: a character or the length is not allowed.
    """
    full = name + suffix
    if not _RESOURCE_NAME.fullmatch(full):
        raise InvalidArgumentError(
            field,
            name,
            "names are lower-case letters, digits and dashes, begin with a letter and do not end in a dash",
            "rename it",
        )
    length = len(full) + (AUTO_SUFFIX if automatic else 0)
    if length > limit:
        raise InvalidArgumentError(
            field,
            name,
            f"{full!r}{' and the random suffix' if automatic else ''} would have {length} characters, and Google takes {limit}",
            f"use a name of at most {len(name) - (length - limit)} characters",
        )
    return full
