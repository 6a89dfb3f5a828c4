"""The autoscaler's decision, by Google's formula. Pure.

For CPU: enough instances that their load, spread evenly, is at the target: ceil(n x mean utilisation / target). Instances younger than the
initialisation period (coolDownPeriodSec) give no reason to grow, but their load counts against shrinking. Shrinking goes to the *peak*
recommendation of the stabilisation period (at least as long as the initialisation period); growing is at once. That peak, held by
scale-in control, is Google's recommendedSize; the mode says what becomes of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.control.signals import Load, Need, by_utilisation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Load", "Policy", "Recommendation", "parse", "recommend"]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """An autoscalingPolicy with Google's defaults. Times in cloud seconds."""

    minimum: int
    maximum: int
    cpu_target: float | None
    initialisation: float = 60.0
    stabilisation: float = 600.0
    mode: str = "ON"
    scale_in_fixed: int | None = None
    scale_in_percent: int | None = None
    scale_in_window: float = 600.0
    predictive: bool = False

    @property
    def horizon(self) -> float:
        """How long recommendations are remembered."""
        return max(self.stabilisation, self.initialisation, self.scale_in_window if self.limited else 0.0)

    @property
    def limited(self) -> bool:
        """Say whether scale-in control is on."""
        return self.scale_in_fixed is not None or self.scale_in_percent is not None


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """A size and the arithmetic behind it: `utilisation` is the mean of the `measured` instances that count.

    `recommended`: what the load asks for now; `stabilised`: what the peak of it does, less what scale-in control lets go; `size`: what
    to set, as the mode has it. `history`: (time, size) of this and earlier recommendations still remembered.
    """

    recommended: int
    stabilised: int
    size: int
    reason: str
    history: tuple[tuple[float, int], ...]
    details: tuple[str, ...] = ()
    utilisation: float | None = None
    measured: int = 0


def parse(document: Mapping[str, Any]) -> Policy:
    """Read an autoscalingPolicy."""
    cpu = document.get("cpuUtilization")
    others = (
        document.get("loadBalancingUtilization")
        or document.get("customMetricUtilizations")
        or document.get("scalingSchedules")
    )
    control = document.get("scaleInControl") or {}
    most = control.get("maxScaledInReplicas") or {}
    target = float((cpu or {}).get("utilizationTarget") or 0.6) if cpu is not None or not others else None
    maximum = int(document.get("maxNumReplicas") or 0)
    minimum = document.get("minNumReplicas")
    return Policy(
        minimum=min(2, maximum) if minimum is None else int(minimum),
        maximum=maximum,
        cpu_target=target,
        initialisation=_seconds(document.get("coolDownPeriodSec"), 60.0),
        stabilisation=_seconds(document.get("stabilizationPeriodSec"), 600.0),
        mode=document.get("mode") or "ON",
        scale_in_fixed=most.get("fixed"),
        scale_in_percent=most.get("percent"),
        scale_in_window=_seconds(control.get("timeWindowSec"), 600.0),
        predictive=(cpu or {}).get("predictiveMethod") == "OPTIMIZE_AVAILABILITY",
    )


def recommend(
    policy: Policy,
    loads: Sequence[Load],
    current: int,
    history: Sequence[tuple[float, int]],
    *,
    now: float,
    scheduled: int = 0,
    needs: Sequence[Need] = (),
) -> Recommendation:
    """Return the recommended size, the size to set now and why: the greatest that any signal asks for.

    `scheduled`: replicas that an active schedule requires; `needs`: what signals other than CPU ask for.
    """
    cpu = _by_cpu(policy, loads, current, others=bool(needs))
    unknown = [need for need in needs if need.size is None]
    wanted, reason = _greatest([cpu, *needs], current)
    if unknown and wanted < current:
        wanted, reason = current, f"not scaled in: {unknown[0].reason}"
    if scheduled > wanted:
        wanted, reason = scheduled, f"a schedule requires {scheduled}"
    details = list(dict.fromkeys(need.detail for need in unknown))
    if wanted > policy.maximum:
        reason += f", capped at the maximum {policy.maximum}"
        details.append("CAPPED_AT_MAX_NUM_REPLICAS")
    elif wanted < policy.minimum:
        reason += f", raised to the minimum {policy.minimum}"
    recommended = max(policy.minimum, min(policy.maximum, wanted))
    # Without a past the present size counts as the first recommendation: a new autoscaler does not shrink a group at once.
    past = list(history) or [(now, max(policy.minimum, min(policy.maximum, current)))]
    # What was recommended without any measurement is no recommendation to remember (the daemon has just started, say).
    blind = bool(unknown) or (policy.cpu_target is not None and cpu.size is None)
    kept = tuple(past) if blind else _remember(past, now, recommended, policy.horizon)
    stabilised, held = _stabilise(policy, kept, recommended, now)
    size, why = stabilised, reason + held
    if policy.mode == "OFF":
        size, why = current, "the mode is OFF"
    elif policy.mode in {"ONLY_SCALE_OUT", "ONLY_UP"} and size < current:
        size, why = current, f"the mode is {policy.mode}"
    if policy.mode == "OFF":
        details.append("MODE_OFF")
    elif policy.mode in {"ONLY_SCALE_OUT", "ONLY_UP"}:
        details.append(f"MODE_{policy.mode}")
    if policy.minimum == policy.maximum:
        details.append("MIN_EQUALS_MAX")
    return Recommendation(
        recommended=recommended,
        stabilised=stabilised,
        size=size,
        reason=why,
        history=kept,
        details=tuple(details),
        utilisation=cpu.utilisation,
        measured=cpu.count,
    )


def _by_cpu(policy: Policy, loads: Sequence[Load], current: int, *, others: bool) -> Need:
    """Return what CPU asks for; where it is no signal, nothing, or the minimum if there is no other either."""
    if policy.cpu_target is None:
        return Need(size=0 if others else policy.minimum, reason="no signal but the minimum")
    return by_utilisation(loads, current, policy.cpu_target, policy.initialisation)


def _greatest(needs: Sequence[Need], current: int) -> tuple[int, str]:
    """Return the greatest size that is asked for, the first of equals, and why; CPU that is not measured yet asks for what there is."""
    first, *others = needs
    wanted, reason = current if first.size is None else first.size, first.reason
    for need in others:
        if need.size is not None and need.size > wanted:
            wanted, reason = need.size, need.reason
    return wanted, reason


def _remember(
    past: Sequence[tuple[float, int]], now: float, recommended: int, horizon: float
) -> tuple[tuple[float, int], ...]:
    """Keep (from when, size) of changes only; the one in force at the horizon's start stays."""
    kept = list(past)
    if not kept or kept[-1][1] != recommended:
        kept.append((now, recommended))
    while len(kept) > 1 and kept[1][0] <= now - horizon:
        kept.pop(0)
    return tuple(kept)


def _peak(history: Sequence[tuple[float, int]], since: float) -> int:
    """Return the greatest recommendation in force at any time since."""
    peak = 0
    for index, (_, size) in enumerate(history):
        ends = history[index + 1][0] if index + 1 < len(history) else math.inf
        if ends > since:
            peak = max(peak, size)
    return peak


def _stabilise(
    policy: Policy, history: Sequence[tuple[float, int]], recommended: int, now: float
) -> tuple[int, str]:
    """Return the size that the peak asks for and scale-in control keeps, and what to add to the reason."""
    period = max(policy.stabilisation, policy.initialisation)
    peak = _peak(history, now - period)
    size, why = recommended, ""
    if peak > size:
        size, why = peak, f"; peak of the last {period:g} s is {peak}"
    if policy.limited:
        ceiling = _peak(history, now - policy.scale_in_window)
        fixed = policy.scale_in_fixed
        most = fixed if fixed is not None else math.floor(ceiling * (policy.scale_in_percent or 0) / 100)
        if ceiling - most > size:
            size = ceiling - most
            why += f"; scale-in control keeps {size} ({ceiling} - {most})"
    # The limits hold at once, whatever was recommended before.
    return max(policy.minimum, min(policy.maximum, size)), why


def _seconds(value: object, default: float) -> float:
    return default if value is None else float(str(value))
