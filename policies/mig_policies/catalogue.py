"""Every rule of the pack, in the order it is run and printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mig_policies.rules import autohealing, check_pairs, health_checks

if TYPE_CHECKING:
    from mig_policies.rule import Rule

_DOMAINS: Final = (check_pairs, autohealing, health_checks)

RULES: Final[tuple[Rule, ...]] = tuple(
    sorted((rule for domain in _DOMAINS for rule in domain.RULES), key=lambda rule: rule.id)
)
