"""Autoscalers, zonal and regional: what sizes a group. The controllers follow it and keep `status` and `recommendedSize`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api import errors
from localcloud.api.compute.collection import Collection, Link
from localcloud.api.links import link
from localcloud.plans import schedule as cron

if TYPE_CHECKING:
    from localcloud.api.compute.draft import Draft

_CPU_TARGET = 0.6
_BALANCER_TARGET = 0.8
_MOST_REPLICAS = 2000


def _complete(draft: Draft) -> None:
    target = draft.require("target")
    draft.require("autoscalingPolicy")
    place = draft.relname.rpartition("/autoscalers/")[0]
    if not target.startswith(link(f"{place}/")):
        raise draft.refuse("target", f"The target must be in the autoscaler's own location, {place}.")
    for key, other in draft.cloud.store.scan(f"compute/{place}/autoscalers/"):
        if other["target"] == target and key != f"compute/{draft.relname}":
            raise errors.in_use(
                "instance_group_manager", target.partition("/v1/")[2], key.removeprefix("compute/")
            )
    _policy(draft)
    if draft.old is None:
        draft.document["status"] = "PENDING"


def _policy(draft: Draft) -> None:
    policy: dict[str, Any] = draft.document["autoscalingPolicy"]
    if "maxNumReplicas" not in policy:
        raise errors.required("resource.autoscalingPolicy.maxNumReplicas")
    policy.setdefault("minNumReplicas", 2)
    policy.setdefault("coolDownPeriodSec", 60)
    policy.setdefault("mode", "ON")
    draft.bounds("autoscalingPolicy.minNumReplicas", 0, 2000)
    draft.bounds("autoscalingPolicy.maxNumReplicas", 1, 2000 if draft.collection.scope == "regions" else 1000)
    draft.bounds("autoscalingPolicy.coolDownPeriodSec", 0, 3600)
    if policy["minNumReplicas"] > policy["maxNumReplicas"]:
        raise draft.refuse(
            "autoscalingPolicy.minNumReplicas",
            "The minimum number of instances must not exceed the maximum number.",
        )
    signals = ("cpuUtilization", "loadBalancingUtilization", "customMetricUtilizations", "scalingSchedules")
    if not any(name in policy for name in signals):
        policy["cpuUtilization"] = {}
    for name, target in (("cpuUtilization", _CPU_TARGET), ("loadBalancingUtilization", _BALANCER_TARGET)):
        if name not in policy:
            continue
        policy[name].setdefault("utilizationTarget", target)
        if not 0 < policy[name]["utilizationTarget"] <= 1:
            raise draft.refuse(
                f"autoscalingPolicy.{name}.utilizationTarget", "Must be greater than 0 and at most 1."
            )
    if "cpuUtilization" in policy:
        policy["cpuUtilization"].setdefault("predictiveMethod", "NONE")
    draft.bounds("autoscalingPolicy.stabilizationPeriodSec", 0, 3600)
    _scale_in_control(draft)
    _metrics(policy.get("customMetricUtilizations", []))
    _schedules(draft, policy.get("scalingSchedules", {}))


def _scale_in_control(draft: Draft) -> None:
    most = draft.get("autoscalingPolicy.scaleInControl.maxScaledInReplicas") or {}
    place = "autoscalingPolicy.scaleInControl"
    if "fixed" in most and "percent" in most:
        rule = "Only one of 'fixed' and 'percent' can be specified."
        raise draft.refuse(f"{place}.maxScaledInReplicas", rule)
    draft.bounds(f"{place}.maxScaledInReplicas.fixed", 0, 2000)
    draft.bounds(f"{place}.maxScaledInReplicas.percent", 0, 100)
    draft.bounds(f"{place}.timeWindowSec", 60, 3600)


def _metrics(metrics: list[dict[str, Any]]) -> None:
    """A metric says what is to be of each instance, or how much one instance takes of the whole."""
    for index, entry in enumerate(metrics):
        where = f"resource.autoscalingPolicy.customMetricUtilizations[{index}]"
        for name in ("utilizationTarget", "singleInstanceAssignment"):
            if name in entry and not entry[name] > 0:
                raise errors.invalid(f"{where}.{name}", str(entry[name]), "Must be greater than 0.")
        if "utilizationTarget" not in entry and "singleInstanceAssignment" not in entry:
            raise errors.required(f"{where}.utilizationTarget")


def _schedules(draft: Draft, schedules: dict[str, Any]) -> None:
    if len(schedules) > 128:
        raise errors.invalid(
            "resource.autoscalingPolicy.scalingSchedules", str(len(schedules)), "At most 128 schedules."
        )
    for name, schedule in schedules.items():
        where = f"autoscalingPolicy.scalingSchedules.{name}"
        for required in ("schedule", "durationSec", "minRequiredReplicas"):
            if required not in schedule:
                raise errors.required(f"resource.{where}.{required}")
        if schedule["durationSec"] < 300:
            raise draft.refuse(f"{where}.durationSec", "Must be at least 300.")
        if not 0 <= schedule["minRequiredReplicas"] <= _MOST_REPLICAS:
            raise draft.refuse(
                f"{where}.minRequiredReplicas", f"Value must be between 0 and {_MOST_REPLICAS}."
            )
        schedule["timeZone"] = schedule.get("timeZone") or "UTC"
        for field, check in (("schedule", cron.parse), ("timeZone", cron.zone)):
            try:
                check(schedule[field])
            except ValueError as error:
                raise errors.invalid(f"resource.{where}.{field}", schedule[field], f"{error}.") from error
        schedule.setdefault("disabled", False)


_COMMON: dict[str, Any] = {
    "segment": "autoscalers",
    "parameter": "autoscaler",
    "kind": "compute#autoscaler",
    "noun": "autoscaler",
    "schema": "Autoscaler",
    "links": (Link(path="target", to=("instanceGroupManagers",), held=False),),
    "complete": _complete,
    "immutable": frozenset({"target"}),
}
AUTOSCALERS = Collection(resource="autoscalers", scope="zones", **_COMMON)
REGION_AUTOSCALERS = Collection(resource="regionAutoscalers", scope="regions", **_COMMON)
