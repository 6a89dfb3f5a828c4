"""The table of make targets in README.md, made from what `make help` prints."""

from __future__ import annotations

import re
import subprocess

from tests.docs.fences import ROOT
from tests.docs.written_part import WrittenPart, table


def rows() -> list[tuple[str, str]]:
    """Return each target as it is typed, and what it does."""
    printed = subprocess.run(
        ["make", "-s", "help"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return [
        (f"make {name}", text) for name, text in re.findall(r"^  ([\w-]+) +(\S.*)$", printed, re.MULTILINE)
    ]


PART = WrittenPart(ROOT / "README.md", lambda: table(("target", "does"), rows()))
