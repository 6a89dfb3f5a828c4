"""The two health checks of one group, and the rule between them: autohealing's must be the more conservative one.

The balancer should drop a stalling instance in seconds, and may: it costs nothing to take it back. The group should recreate an
instance only when it is dead for sure. With one check for both, or two alike, a hiccup under load recreates the whole group.

A pair that breaks the rule cannot be made, so no component can be given one. `guard="off"` is the explicit way round it, for
experiments; the components then warn, and the policy pack still refuses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from components.health_probe import AUTOHEALING_DEFAULT, BALANCER_DEFAULT, HealthProbe
from components.invalid_argument import InvalidArgumentError, require_choice

DEFAULT_MIN_RATIO = 3.0
MIN_FAILURES = 3  # Google's tutorial: ideally three or more; one or two lost probes must not cost an instance
MAX_THRESHOLD = 10
MAX_INTERVAL_SEC = 300


@dataclass(frozen=True, kw_only=True)
class HealthCheckPair:
    """Autohealing's check and the balancer's, compared in plain arithmetic.

    Attributes:
        autohealing: the check that has instances recreated.
        balancer: the check that stops new connections to an instance.
        min_ratio: how many times longer autohealing must see an instance fail (interval x failures of each, divided); at least 1.
        guard: "off" lets a weak pair through with a warning instead of an error.

    Raises:
        InvalidArgumentError: the pair is weak and the guard is on, or `min_ratio` is below 1.
    """

    autohealing: HealthProbe = field(default=AUTOHEALING_DEFAULT)
    balancer: HealthProbe = field(default=BALANCER_DEFAULT)
    min_ratio: float = DEFAULT_MIN_RATIO
    guard: Literal["on", "off"] = "on"

    def __post_init__(self) -> None:
        """Refuse a weak pair: there is no moment at which it exists."""
        require_choice("health_check_guard", self.guard, ("on", "off"))
        if not (math.isfinite(self.min_ratio) and self.min_ratio >= 1):
            raise InvalidArgumentError(
                "health_check_min_ratio",
                self.min_ratio,
                "below 1, autohealing could condemn an instance before the balancer does",
                "choose 1 or more; 3 is the default",
            )
        if self.guard == "on" and self.weaknesses():
            raise InvalidArgumentError(
                "autohealing_check",
                f"{self.autohealing.check_interval_sec} s x {self.autohealing.unhealthy_threshold}",
                self.explanation(),
                f"{self.suggestion()}; to deploy it all the same, for an experiment, set health_check_guard to off",
            )

    @property
    def ratio(self) -> float:
        """How many times longer autohealing must see an instance fail than the balancer."""
        return self.autohealing.window_sec / self.balancer.window_sec

    def weaknesses(self) -> tuple[str, ...]:
        """Return what makes autohealing's check too eager, one sentence each with its numbers; empty for a good pair."""
        heal, balance = self.autohealing, self.balancer
        found = []
        if self.ratio < self.min_ratio:
            found.append(
                f"ratio {heal.window_sec} s / {balance.window_sec} s = {self.ratio:.4g}, required {self.min_ratio:g} or more"
            )
        if heal.unhealthy_threshold < MIN_FAILURES:
            found.append(
                f"unhealthy_threshold {heal.unhealthy_threshold}, required {MIN_FAILURES} or more: a lost probe or two is no death"
            )
        for name in ("check_interval_sec", "timeout_sec", "unhealthy_threshold"):
            ours, theirs = getattr(heal, name), getattr(balance, name)
            if ours < theirs:
                found.append(f"{name} {ours}, the balancer's is {theirs}: required as large or larger")
        return tuple(found)

    def timeline(self) -> str:
        """Say what happens to an instance that stops answering, with the margin between the two verdicts."""
        return (
            f"balancer stops sending after {self.balancer.silent_death} "
            f"({self.balancer.check_interval_sec} s x {self.balancer.unhealthy_threshold} = {self.balancer.window_sec} s); "
            f"group recreates after {self.autohealing.silent_death} "
            f"({self.autohealing.check_interval_sec} s x {self.autohealing.unhealthy_threshold} = {self.autohealing.window_sec} s); "
            f"margin {self.ratio:.4g}x, required {self.min_ratio:g}x"
        )

    def summary(self) -> dict[str, Any]:
        """Return both checks with their detection times in seconds, as the stack's output has them."""
        return {
            **{
                role: {
                    "protocol": probe.protocol,
                    "port": probe.port,
                    "check_interval_sec": probe.check_interval_sec,
                    "timeout_sec": probe.timeout_sec,
                    "healthy_threshold": probe.healthy_threshold,
                    "unhealthy_threshold": probe.unhealthy_threshold,
                    "detection_sec": {"min": probe.silent_death.min_sec, "max": probe.silent_death.max_sec},
                    "recovery_sec": {"min": probe.recovery.min_sec, "max": probe.recovery.max_sec},
                }
                for role, probe in (("autohealing", self.autohealing), ("balancer", self.balancer))
            },
            "ratio": round(self.ratio, 2),
            "required_ratio": self.min_ratio,
        }

    def explanation(self) -> str:
        """Say why a weak pair is weak, with all the arithmetic."""
        return (
            "autohealing must be more conservative than the balancer, or the group recreates instances that are only slow: "
            f"{self.timeline()}. Too eager: {'; '.join(self.weaknesses())}"
        )

    def suggestion(self) -> str:
        """Return the smallest change of autohealing's check that makes the pair good, in words."""
        better = self.suggested()
        if better is None:
            return "make the balancer's check quicker: no autohealing check that the API takes is slow enough for this one"
        names = ("check_interval_sec", "timeout_sec", "unhealthy_threshold")
        changes = [
            f"{name} {getattr(better, name)}"
            for name in names
            if getattr(better, name) != getattr(self.autohealing, name)
        ]
        return f"set autohealing_check {', '.join(changes)}"

    def suggested(self) -> HealthProbe | None:
        """Return autohealing's check raised just enough (failures first, then interval), or None where the API's limits forbid."""
        heal, balance = self.autohealing, self.balancer
        needed_sec = self.min_ratio * balance.window_sec
        interval = max(
            heal.check_interval_sec, balance.check_interval_sec, math.ceil(needed_sec / MAX_THRESHOLD)
        )
        if interval > MAX_INTERVAL_SEC:
            return None
        failures = max(
            heal.unhealthy_threshold,
            balance.unhealthy_threshold,
            MIN_FAILURES,
            math.ceil(needed_sec / interval),
        )
        return replace(
            heal,
            check_interval_sec=interval,
            timeout_sec=max(heal.timeout_sec, balance.timeout_sec),
            unhealthy_threshold=failures,
        )
