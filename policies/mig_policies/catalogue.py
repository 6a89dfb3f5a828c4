"""Every rule of the pack, in the order it is run and printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mig_policies.rules import (
    autohealing,
    autoscaler,
    backend_service,
    check_pairs,
    group,
    health_checks,
    iam,
    load_balancer,
    network,
    template,
)

if TYPE_CHECKING:
    from mig_policies.rule import Rule

_DOMAINS: Final = (
    check_pairs,
    autohealing,
    health_checks,
    load_balancer,
    backend_service,
    group,
    autoscaler,
    template,
    iam,
    network,
)

RULES: Final[tuple[Rule, ...]] = tuple(
    rule for domain in _DOMAINS for rule in sorted(domain.RULES, key=lambda rule: rule.id)
)
