"""When the autoscaler adds and removes instances."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from components.invalid_argument import InvalidArgumentError, require_choice, require_range
from components.resource_name import require_resource_name

_CRON_FIELDS = (5, 6)  # the sixth, a year, is optional


@dataclass(frozen=True, kw_only=True)
class ScaleInControl:
    """A brake on scaling in.

    Attributes:
        time_window_sec: how far back the peak is looked for, 60 to 3600.
        max_scaled_in_replicas: the group never has fewer than the window's peak less this many, a number or "10%".
    """

    time_window_sec: int
    max_scaled_in_replicas: int | str

    def __post_init__(self) -> None:
        """Refuse what the API refuses."""
        require_range("time_window_sec", self.time_window_sec, 60, 3600, "s")
        self._amount()

    def _amount(self) -> dict[str, int]:
        value = self.max_scaled_in_replicas
        if isinstance(value, int) and value > 0:
            return {"fixed": value}
        if (
            isinstance(value, str)
            and (match := re.fullmatch(r"(\d{1,3})%", value))
            and 0 < int(match[1]) <= 100
        ):
            return {"percent": int(match[1])}
        raise InvalidArgumentError(
            "max_scaled_in_replicas", value, "neither a number nor a percentage above zero", "write 2 or 10%"
        )

    def resource_arguments(self) -> dict[str, Any]:
        """Return the autoscaler's `scale_in_control`."""
        return {"time_window_sec": self.time_window_sec, "max_scaled_in_replicas": self._amount()}


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A minimum size at certain times.

    Attributes:
        schedule: when it begins, a cron expression ("0 8 * * MON-FRI").
        duration_sec: how long it lasts, 300 or more.
        min_required_replicas: fewest instances meanwhile.
        time_zone: which clock the expression means.
        description: for people.
        disabled: keep it, and do not follow it.
    """

    schedule: str
    duration_sec: int
    min_required_replicas: int
    time_zone: str = "UTC"
    description: str | None = None
    disabled: bool = False

    def __post_init__(self) -> None:
        """Refuse what the API refuses."""
        if len(self.schedule.split()) not in _CRON_FIELDS:
            raise InvalidArgumentError(
                "schedule",
                self.schedule,
                "not a cron expression of five fields",
                'write for instance "0 8 * * MON-FRI"',
            )
        require_range("duration_sec", self.duration_sec, 300, 31_536_000, "s")
        require_range("min_required_replicas", self.min_required_replicas, 0, 2000)


@dataclass(frozen=True, kw_only=True)
class MetricSignal:
    """A Cloud Monitoring metric to scale by: either a target per instance, or the work one instance can take.

    Attributes:
        name: the metric's type ("pubsub.googleapis.com/subscription/num_undelivered_messages").
        target: value aimed at, per instance.
        type: what the value is: GAUGE, DELTA_PER_SECOND or DELTA_PER_MINUTE.
        filter: which time series.
        single_instance_assignment: how much of the metric one instance can work off.
    """

    name: str
    target: float | None = None
    type: Literal["GAUGE", "DELTA_PER_SECOND", "DELTA_PER_MINUTE"] | None = None
    filter: str | None = None
    single_instance_assignment: float | None = None

    def __post_init__(self) -> None:
        """Refuse a metric without a meaning, or with two."""
        if (self.target is None) == (self.single_instance_assignment is None):
            raise InvalidArgumentError(
                "target", self.target, f"the metric {self.name} needs exactly one of target and single_instance_assignment",
                "set target (with type) for a per-instance metric, single_instance_assignment for a per-group one",
            )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ScalingPolicy:
    """The autoscaler's limits and signals.

    Attributes:
        min_replicas: fewest instances.
        max_replicas: most instances; the bill's upper limit, with the update policy's surge.
        cpu_target: mean CPU utilisation aimed at, above 0 and up to 1; None scales by other signals only.
        predictive_method: OPTIMIZE_AVAILABILITY adds instances ahead of daily and weekly patterns.
        cooldown_period_sec: initialisation period; the CPU of younger instances is not used for scaling out. No less than the time an
            instance takes to boot, or its boot is taken for load.
        stabilization_period_sec: scale in by the peak of this long; Google's default (600) unless said.
        mode: ON; ONLY_SCALE_OUT; OFF keeps the recommendation and does nothing.
        scale_in_control: a brake on scaling in.
        metrics: further signals; the one that asks for most wins.
        schedules: minimum sizes by time, keyed by name.

    Raises:
        InvalidArgumentError: a value the API refuses, or no signal at all.
    """

    min_replicas: int = 3
    max_replicas: int = 10
    cpu_target: float | None = 0.6
    predictive_method: Literal["NONE", "OPTIMIZE_AVAILABILITY"] = "NONE"
    cooldown_period_sec: int = 120
    stabilization_period_sec: int | None = None
    mode: Literal["ON", "OFF", "ONLY_SCALE_OUT"] = "ON"
    scale_in_control: ScaleInControl | None = None
    metrics: tuple[MetricSignal, ...] = ()
    schedules: Mapping[str, Schedule] = field(default_factory=dict)

    refused: ClassVar[Mapping[str, str]] = {
        "load_balancing_utilization": "a passthrough load balancer reports no utilisation (Application Load Balancers do); use cpu_target, "
        "metrics or schedules"
    }

    def __post_init__(self) -> None:
        """Refuse what the API refuses, and what would scale by nothing."""
        require_range("min_replicas", self.min_replicas, 0, 2000)
        require_range("max_replicas", self.max_replicas, 1, 2000)
        require_range("cooldown_period_sec", self.cooldown_period_sec, 0, 3600, "s")
        require_choice("mode", self.mode, ("ON", "OFF", "ONLY_SCALE_OUT"))
        require_choice("predictive_method", self.predictive_method, ("NONE", "OPTIMIZE_AVAILABILITY"))
        if self.stabilization_period_sec is not None:
            require_range("stabilization_period_sec", self.stabilization_period_sec, 0, 3600, "s")
        if self.max_replicas < self.min_replicas:
            raise InvalidArgumentError(
                "max_replicas",
                self.max_replicas,
                f"below min_replicas {self.min_replicas}",
                f"use {self.min_replicas} or more",
            )
        if self.cpu_target is not None and not 0 < self.cpu_target <= 1:
            raise InvalidArgumentError(
                "cpu_target", self.cpu_target, "a share of the CPU, above 0 and up to 1", "write 0.6 for 60 %"
            )
        if self.cpu_target is None and not self.metrics and not self.schedules:
            raise InvalidArgumentError(
                "cpu_target",
                None,
                "the autoscaler has no signal left",
                "set cpu_target, metrics or schedules",
            )
        if self.cpu_target is None and self.predictive_method != "NONE":
            raise InvalidArgumentError(
                "predictive_method", self.predictive_method, "what is predicted is CPU utilisation, and there is no cpu_target",
                "set cpu_target, or leave it at NONE",
            )  # fmt: skip
        for name, schedule in self.schedules.items():
            require_resource_name("schedules", name)
            if schedule.min_required_replicas > self.max_replicas:
                raise InvalidArgumentError(
                    f"schedules.{name}.min_required_replicas", schedule.min_required_replicas,
                    f"above max_replicas {self.max_replicas}, which wins", "raise max_replicas or lower it",
                )  # fmt: skip

    def resource_arguments(self) -> dict[str, Any]:
        """Return the autoscaler's `autoscaling_policy`."""
        arguments: dict[str, Any] = {
            "min_replicas": self.min_replicas,
            "max_replicas": self.max_replicas,
            "cooldown_period": self.cooldown_period_sec,
            "mode": self.mode,
        }
        if self.cpu_target is not None:
            arguments["cpu_utilization"] = {
                "target": self.cpu_target,
                "predictive_method": self.predictive_method,
            }
        if self.stabilization_period_sec is not None:
            arguments["stabilization_period"] = self.stabilization_period_sec
        if self.scale_in_control is not None:
            arguments["scale_in_control"] = self.scale_in_control.resource_arguments()
        if self.metrics:
            arguments["metrics"] = [_set_fields(metric) for metric in self.metrics]
        if self.schedules:
            arguments["scaling_schedules"] = [
                {"name": name, **_set_fields(self.schedules[name])} for name in sorted(self.schedules)
            ]
        return arguments


def _set_fields(value: MetricSignal | Schedule) -> dict[str, Any]:
    return {name: content for name, content in vars(value).items() if content not in (None, False)}
