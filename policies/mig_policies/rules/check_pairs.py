"""HC, the two health checks against each other: the rules this pack exists for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mig_policies.pairing import Pair, judge_pairs
from mig_policies.rule import (
    CRITICAL,
    HIGH,
    MANDATORY,
    Parameter,
    Parameters,
    StackRule,
    Stricter,
)
from mig_policies.stack import Outside
from mig_policies.timing import detection_ratio, is_slower, weaker_components
from mig_policies.tokens import GROUP_MANAGERS
from mig_policies.verdict import Verdict, passed, violated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mig_policies.resource import Resource
    from mig_policies.stack import Stack
    from mig_policies.timing import Timing

AUTOHEALING_PAGE = "https://docs.cloud.google.com/compute/docs/instance-groups/autohealing-instances-in-migs"
TUTORIAL_PAGE = "https://docs.cloud.google.com/compute/docs/tutorials/high-availability-autohealing"


def _separate(pair: Pair) -> Verdict:
    if pair.share_a_check:
        return violated(
            f"{pair.group.label} and {pair.service.label} share {_check_label(pair.healing)}: whatever takes an "
            "instance out of the balancer also has it recreated. Actual: 1 health check for both; required: 2, "
            "autohealing's the more conservative one."
        )
    return passed(f"{pair.label}: two checks")


def _slower(pair: Pair, parameters: Parameters) -> Verdict:
    healing, balancing = pair.timings()
    min_ratio = parameters.number("minRatio")
    ratio = detection_ratio(healing, balancing)
    arithmetic = (
        f"balancer stops sending after {balancing.arithmetic}; autohealing recreates after {healing.arithmetic}; "
        f"ratio {shown(ratio)}, required {min_ratio:g}"
    )
    if is_slower(healing, balancing, min_ratio):
        return passed(f"{pair.label}: {arithmetic}")
    need = max(min_ratio * balancing.detection, balancing.detection + 1)
    return violated(
        f"{pair.label}: {arithmetic}. Autohealing must wait at least {need:g} s: {mend(healing, need)}."
    )


def mend(healing: Timing, need: float) -> str:
    """Name the one field to raise; the API takes thresholds up to 10, and intervals up to 300 s."""
    threshold = math.ceil(need / healing.interval)
    if threshold <= 10:
        return f"unhealthyThreshold {threshold} at the interval of {healing.interval} s would do"
    return f"checkIntervalSec {math.ceil(need / healing.unhealthy)} at unhealthyThreshold {healing.unhealthy} would do"


def shown(ratio: float) -> str:
    """One decimal, unless rounding would make a ratio that is too small look large enough."""
    return f"{ratio:.1f}" if abs(ratio - round(ratio, 1)) < 1e-9 else f"{ratio:.3f}"


def _no_component_weaker(pair: Pair) -> Verdict:
    weaker = weaker_components(*pair.timings())
    if not weaker:
        return passed(f"{pair.label}: no component of autohealing's check is below the balancer's")
    told = "; ".join(
        f"{name} {healing}, required at least {balancing}" for name, (healing, balancing) in weaker.items()
    )
    return violated(f"{pair.label}: autohealing's check is the stricter one in {told} (the balancer's).")


def _each_pair_separate(group: Resource, stack: Stack, _: Parameters) -> Iterator[Verdict]:
    return judge_pairs(group, stack, _separate)


def _each_pair_slower(group: Resource, stack: Stack, parameters: Parameters) -> Iterator[Verdict]:
    return judge_pairs(group, stack, lambda pair: _slower(pair, parameters))


def _each_pair_not_weaker(group: Resource, stack: Stack, _: Parameters) -> Iterator[Verdict]:
    return judge_pairs(group, stack, _no_component_weaker)


def _check_label(check: Resource | Outside) -> str:
    return check.label if not isinstance(check, Outside) else f"health check {check.label}"


HC01 = StackRule(
    id="HC01",
    title="Autohealing and the load balancer have separate health checks",
    description="Autohealing and the load balancer must not share a health check: one drops traffic in seconds, "
    "the other recreates machines.",
    remediation="Give the group a health check of its own and make it more conservative than the load balancer's.",
    url=AUTOHEALING_PAGE,
    severity=CRITICAL,
    level=MANDATORY,
    types=GROUP_MANAGERS,
    look=_each_pair_separate,
)
HC02 = StackRule(
    id="HC02",
    title="Autohealing is slower to condemn than the load balancer",
    description="Autohealing must take longer than the load balancer to give an instance up, by a configured ratio, so "
    "that a stalling instance loses its traffic and not its life.",
    remediation="Raise checkIntervalSec or unhealthyThreshold of the autohealing check; do not weaken the balancer's.",
    url=AUTOHEALING_PAGE,
    severity=CRITICAL,
    level=MANDATORY,
    types=GROUP_MANAGERS,
    parameters=(
        Parameter(
            name="minRatio",
            description="How many times the balancer's interval x unhealthyThreshold autohealing's must be at least.",
            default=2,
            minimum=1,
            stricter=Stricter.HIGHER,
        ),
    ),
    look=_each_pair_slower,
)
HC03 = StackRule(
    id="HC03",
    title="No component of the autohealing check is stricter than the load balancer's",
    description="Interval, timeout and unhealthy threshold of the autohealing check must each be at least the load "
    "balancer's: a product can hide one weak component.",
    remediation="Raise the named fields of the autohealing check to at least the load balancer's values.",
    url=AUTOHEALING_PAGE,
    severity=HIGH,
    level=MANDATORY,
    types=GROUP_MANAGERS,
    look=_each_pair_not_weaker,
)
RULES = (HC01, HC02, HC03)
