"""Compares what was made with a committed inventory, or writes it anew when asked to."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent
REGENERATE = "UPDATE_GOLDEN=1 python -m pytest -q tests/components tests/test_program.py"


def assert_inventory(name: str, made: Mapping[str, Any]) -> None:
    """Assert that `made` is the committed inventory of this name, which then is read in review like code.

    Raises:
        AssertionError: it is another; the message has the command that writes it anew.
    """
    path = FOLDER / f"{name}.json"
    text = json.dumps(made, indent=2, sort_keys=True) + "\n"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(text, "utf-8")
    committed = path.read_text("utf-8") if path.exists() else ""
    assert json.loads(text) == json.loads(committed or "{}"), (
        f"{path.name} differs; if it should, write it anew and read the change:\n  {REGENERATE}"
    )
