"""The README's table is what the rules and configurations say."""

from __future__ import annotations

from mig_policies.housekeeping import CONFIG_FOLDER
from mig_policies.table import table


def test_the_readme_has_the_rules_as_they_are() -> None:
    text = (CONFIG_FOLDER.parent / "README.md").read_text("utf-8")
    assert text.endswith(table()), "run `python -m mig_policies.table` in policies/ and paste its output"
