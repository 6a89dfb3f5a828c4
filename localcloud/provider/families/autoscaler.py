"""Autoscalers, zonal and regional."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.provider.compute import ComputeResource, Settings, Step
from localcloud.provider.links import (
    full_link,
    read_link,
    read_region,
    read_zone,
    reference,
    region_link,
    zone_link,
)
from localcloud.provider.mapping import OMIT, Body, Scope, Table, coerce, look

if TYPE_CHECKING:
    from localcloud.provider.values import Properties, Value

_POLICY = "autoscalingPolicy"


def _write_metrics(value: Value, _: Scope) -> Value:
    if not value:
        return OMIT
    return [
        {
            "metric": metric["name"],
            **{
                api: metric[name]
                for name, api in {
                    "target": "utilizationTarget",
                    "type": "utilizationTargetType",
                    "filter": "filter",
                    "singleInstanceAssignment": "singleInstanceAssignment",
                }.items()
                if metric.get(name)
            },
        }
        for metric in value
    ]


def _read_metrics(body: Body, _: Scope) -> list[Properties]:
    return [
        {
            "name": metric.get("metric", ""),
            "target": metric.get("utilizationTarget", 0),
            "type": metric.get("utilizationTargetType", ""),
            "filter": metric.get("filter", ""),
            "singleInstanceAssignment": metric.get("singleInstanceAssignment", 0),
        }
        for metric in body.get("customMetricUtilizations") or []
    ]


def _write_schedules(value: Value, _: Scope) -> Value:
    if not value:
        return OMIT
    return {
        schedule["name"]: {
            "minRequiredReplicas": coerce("integer", schedule["minRequiredReplicas"]),
            "schedule": schedule["schedule"],
            "durationSec": coerce("integer", schedule["durationSec"]),
            **{
                name: schedule[name] for name in ("timeZone", "disabled", "description") if schedule.get(name)
            },
        }
        for schedule in value
    }


def _read_schedules(body: Body, _: Scope) -> list[Properties]:
    return [
        {
            "name": name,
            "minRequiredReplicas": schedule.get("minRequiredReplicas", 0),
            "schedule": schedule.get("schedule", ""),
            "timeZone": schedule.get("timeZone", ""),
            "durationSec": schedule.get("durationSec", 0),
            "disabled": schedule.get("disabled", False),
            "description": schedule.get("description", ""),
        }
        for name, schedule in sorted((look(body, "scalingSchedules") or {}).items())
    ]


def _table(place: str) -> Table:
    regional = place == "region"
    writer = region_link if regional else zone_link
    # The official provider sends the zonal one's target as a full link, the regional one's as a relative one.
    target = (
        reference("regions/{region}/instanceGroupManagers")
        if regional
        else full_link("zones/{zone}/instanceGroupManagers")
    )
    return Table(
        names={
            f"{_POLICY}.minReplicas": "minNumReplicas",
            f"{_POLICY}.maxReplicas": "maxNumReplicas",
            f"{_POLICY}.cooldownPeriod": "coolDownPeriodSec",
            f"{_POLICY}.stabilizationPeriod": "stabilizationPeriodSec",
            f"{_POLICY}.metrics": "customMetricUtilizations",
            f"{_POLICY}.cpuUtilization.target": "utilizationTarget",
            f"{_POLICY}.loadBalancingUtilization.target": "utilizationTarget",
        },
        kept=frozenset({f"{_POLICY}.minReplicas"}),
        local=frozenset({"deletionPolicy", "project"}),
        writers={
            place: writer,
            "target": target,
            f"{_POLICY}.metrics": _write_metrics,
            f"{_POLICY}.scalingSchedules": _write_schedules,
        },
        readers={
            place: read_region if regional else read_zone,
            "target": read_link("target"),
            f"{_POLICY}.metrics": _read_metrics,
            f"{_POLICY}.scalingSchedules": _read_schedules,
        },
    )


AUTOSCALER = ComputeResource(
    "gcp:compute/autoscaler:Autoscaler",
    Settings(
        collection="zones/{zone}/autoscalers", table=_table("zone"), steps=(Step("PUT", collection=True),)
    ),
)
REGION_AUTOSCALER = ComputeResource(
    "gcp:compute/regionAutoscaler:RegionAutoscaler",
    Settings(
        collection="regions/{region}/autoscalers",
        table=_table("region"),
        steps=(Step("PUT", collection=True),),
    ),
)
