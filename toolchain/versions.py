"""The versions this project is built and tested with."""

from __future__ import annotations

import re

ENGINE = "3.259.0"
"""The Pulumi engine that is fetched or built when the machine has none."""

ENGINE_MINIMUM = "3.249.0"
"""The oldest engine on PATH that is used as it is."""

GO_MINIMUM = "1.25.11"
"""What the engine's own go.mod asks for."""


PYTHON_MINIMUM = (3, 11)

_NUMBERS = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


def parse(text: str) -> tuple[int, int, int]:
    """Return the first version number in `text` as (major, minor, patch).

    Raises:
        ValueError: there is none.
    """
    match = _NUMBERS.search(text)
    if match is None:
        raise ValueError(f"no version number in {text!r}")
    major, minor, patch = match.groups(default="0")
    return int(major), int(minor), int(patch)
