"""Which autohealing check and which balancer's check watch over the same instances."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from mig_policies.resource import Resource
from mig_policies.stack import Outside, Stack
from mig_policies.timing import Timing, timing_of
from mig_policies.tokens import ALL_HEALTH_CHECKS, HEALTH_CHECKS
from mig_policies.values import Undetermined
from mig_policies.verdict import Verdict, decide, not_applicable, undetermined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


Check: TypeAlias = "Resource | Outside"


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A group, its autohealing check, a backend service that sends to the group, and that service's check."""

    group: Resource
    healing: Check
    service: Resource
    balancing: Check

    @property
    def label(self) -> str:
        """Who watches with what, for messages."""
        return (
            f"{self.group.label} heals by {self.healing.label}, "
            f"{self.service.label} balances by {self.balancing.label}"
        )

    @property
    def share_a_check(self) -> bool:
        """Whether both are one and the same health check.

        Raises:
            Undetermined: a link by numeric id stands against one by name.
        """
        healing, balancing = self.healing, self.balancing
        if not isinstance(healing, Outside) and not isinstance(balancing, Outside):
            return healing.urn == balancing.urn
        links = [check.link if isinstance(check, Outside) else None for check in (healing, balancing)]
        if links[0] is not None and links[1] is not None and links[0].may_be(links[1]):
            return True
        if any(link is not None and link.by_number for link in links):
            raise Undetermined(f"{self.label}: a check given by number cannot be told from one given by name")
        return False

    def timings(self) -> tuple[Timing, Timing]:
        """Return autohealing's and the balancer's numbers.

        Raises:
            Undetermined: a check is outside the stack, or a number is not known.
        """
        return _timing(self.healing), _timing(self.balancing)


def _timing(check: Check) -> Timing:
    if isinstance(check, Outside):
        raise Undetermined(
            f"health check {check.label} is not described by this stack, so its thresholds cannot be compared; "
            "declare it here, read it with HealthCheck.get, or record an exemption"
        )
    try:
        return timing_of(check)
    except Undetermined as reason:
        raise Undetermined(f"{check.label}: {reason}") from reason


def has_autohealing(group: Resource) -> bool:
    """Tell whether a group has an autohealing policy.

    Raises:
        Undetermined: that is not known, and no health check of the stack is its source either.
    """
    return group.props.raw("autoHealingPolicies") is not None


def healing_check(group: Resource, stack: Stack) -> Check:
    """Return the check a group heals by; call it only where `has_autohealing`."""
    value = group.props.raw("autoHealingPolicies.healthCheck")
    return stack.follow(group, "autoHealingPolicies", value, HEALTH_CHECKS)


def balancing_check(service: Resource, stack: Stack) -> Check | None:
    """Return the check a backend service balances by, `None` if it has none."""
    value = service.props.raw("healthChecks")
    if isinstance(value, list):  # older providers have a list of one
        value = value[0] if value else None
    return None if value is None else stack.follow(service, "healthChecks", value, ALL_HEALTH_CHECKS)


def judge_pairs(
    group: Resource, stack: Stack, judge: Callable[[Pair], Verdict | Iterable[Verdict]]
) -> Iterator[Verdict]:
    """Judge every pair of checks that watches over `group`, each on its own."""
    if not has_autohealing(group):
        yield not_applicable(f"{group.label} has no autohealing policy")
        return
    services = stack.services_of(group)
    for service in services:
        yield from decide(partial(_judge_pair, group, service, stack, judge))
    for service in stack.services_with_unknown_backends:
        if service not in services:
            yield undetermined(
                f"{service.label} has a backend that is not known yet and may be {group.label}"
            )
    if not services and not stack.services_with_unknown_backends:
        yield not_applicable(f"no backend service of this stack sends to {group.label}")


def _judge_pair(
    group: Resource, service: Resource, stack: Stack, judge: Callable[[Pair], Verdict | Iterable[Verdict]]
) -> Iterator[Verdict]:
    balancing = balancing_check(service, stack)
    if balancing is None:
        yield not_applicable(f"{service.label} has no health check to compare with")
        return
    pair = Pair(group=group, healing=healing_check(group, stack), service=service, balancing=balancing)
    yield from decide(lambda: judge(pair))
