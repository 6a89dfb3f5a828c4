"""An autoscaler's status and statusDetails: what keeps it from doing what it would, in Google's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.control import serving
from localcloud.control.health import condemned
from localcloud.control.signals import Need

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from localcloud.control.autoscaler import Policy
    from localcloud.control.member import Member
    from localcloud.store import Store

# As Google's discovery document describes the types.
_MESSAGES = {
    "ALL_INSTANCES_UNHEALTHY": "All instances in the instance group are unhealthy (not in RUNNING state).",
    "BACKEND_SERVICE_DOES_NOT_EXIST": "There is no backend service attached to the instance group.",
    "CAPPED_AT_MAX_NUM_REPLICAS": "Autoscaler recommends a size greater than maxNumReplicas.",
    "CUSTOM_METRIC_INVALID": "The custom metric that was specified does not exist or does not have the necessary labels.",
    "MIN_EQUALS_MAX": "The minNumReplicas is equal to maxNumReplicas. This means the autoscaler cannot add or remove instances from the "
    "instance group.",
    "MISSING_CUSTOM_METRIC_DATA_POINTS": "The autoscaler did not receive any data from the custom metric configured for autoscaling.",
    "MISSING_LOAD_BALANCING_DATA_POINTS": "The autoscaler is configured to scale based on a load balancing signal but the instance group "
    "has not received any requests from the load balancer.",
    "MODE_OFF": "Autoscaling is turned off. The number of instances in the group won't change automatically. The autoscaling configuration "
    "is preserved.",
    "MODE_ONLY_SCALE_OUT": 'Autoscaling is in the "Autoscale only scale out" mode. Instances in the group will be only added.',
    "MODE_ONLY_UP": 'Autoscaling is in the "Autoscale only out" mode. Instances in the group will be only added.',
    "MORE_THAN_ONE_BACKEND_SERVICE": "The instance group cannot be autoscaled because it has more than one backend service attached to it.",
    "NOT_ENOUGH_QUOTA_AVAILABLE": "There is insufficient quota for the necessary resources, such as CPU or number of instances.",
    "REGION_RESOURCE_STOCKOUT": "Showed only for regional autoscalers: there is a resource stockout in the chosen region.",
    "SCALING_TARGET_DOES_NOT_EXIST": "The target to be scaled does not exist.",
    "SCHEDULED_INSTANCES_GREATER_THAN_AUTOSCALER_MAX": "For some scaling schedules minRequiredReplicas is greater than maxNumReplicas. "
    "Autoscaler always recommends at most maxNumReplicas instances.",
    "SCHEDULED_INSTANCES_LESS_THAN_AUTOSCALER_MIN": "For some scaling schedules minRequiredReplicas is less than minNumReplicas. "
    "Autoscaler always recommends at least minNumReplicas instances.",
    "ZONE_RESOURCE_STOCKOUT": "For zonal autoscalers: there is a resource stockout in the chosen zone. For regional autoscalers: in at "
    "least one of the zones you're using there is a resource stockout.",
}
_FAILURES = frozenset({"SCALING_TARGET_DOES_NOT_EXIST"})


def rendered(details: Sequence[str]) -> dict[str, Any]:
    """Return status and statusDetails."""
    return {
        "status": "ERROR" if _FAILURES & set(details) else "ACTIVE",
        "statusDetails": [{"type": kind, "message": _MESSAGES[kind]} for kind in details],
    }


def troubles(
    members: Sequence[Member], schedules: Mapping[str, Mapping[str, Any]], policy: Policy
) -> Iterator[str]:
    """Yield what is the matter with the group, or between schedules and limits."""
    if members and all(
        condemned(member.health) or member.instance_status in {"STOPPING", "TERMINATED"} for member in members
    ):
        yield "ALL_INSTANCES_UNHEALTHY"
    failed = {member.zone: _code(member) for member in members if not member.instance_id}
    if "QUOTA_EXCEEDED" in failed.values():
        yield "NOT_ENOUGH_QUOTA_AVAILABLE"
    short = {zone for zone, code in failed.items() if code == "ZONE_RESOURCE_POOL_EXHAUSTED"}
    if short:
        yield "ZONE_RESOURCE_STOCKOUT"
        if len(short) > 1 and all(member.zone in short for member in members):
            yield "REGION_RESOURCE_STOCKOUT"
    replicas = [
        int(schedule["minRequiredReplicas"])
        for schedule in schedules.values()
        if not schedule.get("disabled")
    ]
    if any(count > policy.maximum for count in replicas):
        yield "SCHEDULED_INSTANCES_GREATER_THAN_AUTOSCALER_MAX"
    if any(count < policy.minimum for count in replicas):
        yield "SCHEDULED_INSTANCES_LESS_THAN_AUTOSCALER_MIN"


def by_balancer(store: Store, group: str) -> Need:
    """Return what a load balancer's utilisation asks for: nothing, for a passthrough balancer sees no requests."""
    behind = sum(1 for service in serving.services(store) for name, _ in service.groups if name == group)
    if behind == 0:
        detail = "BACKEND_SERVICE_DOES_NOT_EXIST"
    else:
        detail = "MORE_THAN_ONE_BACKEND_SERVICE" if behind > 1 else "MISSING_LOAD_BALANCING_DATA_POINTS"
    return Need(size=None, reason="no load balancer tells how much it is used", detail=detail)


def _code(member: Member) -> str:
    errors = (member.last_attempt.get("errors") or {}).get("errors") or [{}]
    return str(errors[0].get("code", ""))
