"""Every rule of the pack, in the order it is run and printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mig_policies.rules import health_checks

if TYPE_CHECKING:
    from mig_policies.rule import Rule

RULES: Final[tuple[Rule, ...]] = (*health_checks.RULES,)
