"""What people are told when the service is not well, and the one page where they look first. Optional: all of it is Cloud Monitoring.

Health itself is no metric: it is told by the logs of the health checks, so those have to be on for the alert about it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_gcp as gcp

from components.health_check_pair import HealthCheckPair
from components.invalid_argument import InvalidArgumentError
from components.resource_name import require_resource_name

_CHANNEL = re.compile(r"projects/[^/]+/notificationChannels/[^/]+")
_QUIET_SEC = 300  # at most one notification in so long of alerts that go by logs
_FULL_SEC = 900  # how long a group is at its largest before anyone is told


@dataclass(frozen=True, kw_only=True)
class MonitoringPolicy:
    """What is watched.

    Attributes:
        alerts: tell when instances are unhealthy, are recreated, or when the group is at its largest for a quarter of an hour.
        notification_channels: whom ("projects/P/notificationChannels/N"); without any, incidents show on Google's pages only.
        dashboard: a page with size, load, traffic and changes of health.

    Raises:
        InvalidArgumentError: channels, and nothing to tell them.
    """

    alerts: bool = False
    notification_channels: tuple[pulumi.Input[str], ...] = ()
    dashboard: bool = False

    def __post_init__(self) -> None:
        """Refuse channels that would stay silent."""
        if self.notification_channels and not self.alerts:
            raise InvalidArgumentError(
                "notification_channels", list(self.notification_channels), "without alerts there is nothing to tell",
                "set alerts: true",
            )  # fmt: skip
        for channel in self.notification_channels:
            if isinstance(channel, str) and not _CHANNEL.fullmatch(channel):
                raise InvalidArgumentError(
                    "notification_channels", channel, "not the name of a notification channel",
                    "write projects/PROJECT/notificationChannels/NUMBER (gcloud beta monitoring channels list)",
                )  # fmt: skip

    def require_logs(self, checks: HealthCheckPair) -> None:
        """Refuse alerts that could never be raised.

        Raises:
            InvalidArgumentError: a health check does not log.
        """
        for name, probe in (("autohealing_check", checks.autohealing), ("balancer_check", checks.balancer)):
            if self.alerts and not probe.logging:
                raise InvalidArgumentError(
                    "alerts", True, f"unhealthy instances are told of by the checks' logs, and {name} does not log",
                    f"set {name} logging: true",
                )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """What is watched, and where.

    Attributes:
        project: whose logs and metrics.
        policy: what of them.
        group: name of the instance group.
        base_instance_name: what its instances' names begin with.
        health_checks: both checks, for the words of the alert.
        max_replicas: the group's largest size; None for a group of a fixed size, which is always at it.
    """

    project: str
    policy: MonitoringPolicy
    group: pulumi.Input[str]
    base_instance_name: str
    health_checks: HealthCheckPair
    max_replicas: int | None

    def __post_init__(self) -> None:
        """Refuse alerts that could never be raised."""
        self.policy.require_logs(self.health_checks)


class Monitoring(pulumi.ComponentResource):
    """Alert policies and a dashboard.

    Attributes:
        alerts: names of the alert policies.
        dashboard: id of the dashboard, or None.
    """

    alerts: list[pulumi.Output[str]]
    dashboard: pulumi.Output[str] | None

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        require_resource_name("service", name)
        super().__init__("mig-nlb:monitoring:Monitoring", name, None, opts)
        group = pulumi.Output.from_input(args.group)
        self.alerts = self._make_alerts(name, args, group) if args.policy.alerts else []
        self.dashboard = self._make_dashboard(name, args, group) if args.policy.dashboard else None
        self.register_outputs({"alerts": self.alerts, "dashboard": self.dashboard})

    def _make_alerts(
        self, name: str, args: MonitoringArgs, group: pulumi.Output[str]
    ) -> list[pulumi.Output[str]]:
        made = [
            self._by_log(
                name, args, key="unhealthy", title="an instance is unhealthy", query=_unhealthy(args.project, group),
                words=f"A health check has seen an instance fail. {args.health_checks.timeline()}.",
            ),
            self._by_log(
                name, args, key="recreated", title="autohealing recreated an instance", query=_recreated(args),
                words="The group has condemned an instance. One is its job; many at once are a bad release or a check that is too eager.",
            ),
        ]  # fmt: skip
        if args.max_replicas is not None:
            made.append(self._at_maximum(name, args, group, args.max_replicas))
        return [policy.name for policy in made]

    def _by_log(
        self, name: str, args: MonitoringArgs, *, key: str, title: str, query: pulumi.Input[str], words: str
    ) -> gcp.monitoring.AlertPolicy:
        return gcp.monitoring.AlertPolicy(
            f"{name}-{key}",
            project=args.project,
            display_name=f"{name}: {title}",
            combiner="OR",
            severity="WARNING",
            conditions=[{"display_name": title, "condition_matched_log": {"filter": query}}],
            alert_strategy={
                "auto_close": "1800s",
                "notification_rate_limit": {"period": f"{_QUIET_SEC}s"},
            },
            notification_channels=list(args.policy.notification_channels),
            documentation={"mime_type": "text/markdown", "content": words},
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _at_maximum(
        self, name: str, args: MonitoringArgs, group: pulumi.Output[str], largest: int
    ) -> gcp.monitoring.AlertPolicy:
        title = f"the group is at its largest ({largest})"
        return gcp.monitoring.AlertPolicy(
            f"{name}-at-maximum",
            project=args.project,
            display_name=f"{name}: {title}",
            combiner="OR",
            severity="WARNING",
            conditions=[
                {
                    "display_name": title,
                    "condition_threshold": {
                        "filter": _size(group),
                        "comparison": "COMPARISON_GT",
                        "threshold_value": largest - 1,
                        "duration": f"{_FULL_SEC}s",
                        "aggregations": [
                            {
                                "alignment_period": "60s",
                                "per_series_aligner": "ALIGN_MEAN",
                                "cross_series_reducer": "REDUCE_SUM",
                            }
                        ],
                    },
                }
            ],
            notification_channels=list(args.policy.notification_channels),
            documentation={
                "mime_type": "text/markdown",
                "content": "The autoscaler can add no more. Raise `mig-nlb:autoscaler.max_replicas`, or find out what the load is.",
            },
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _make_dashboard(
        self, name: str, args: MonitoringArgs, group: pulumi.Output[str]
    ) -> pulumi.Output[str]:
        instances = f'resource.type="gce_instance" AND metadata.system_labels.name=starts_with("{args.base_instance_name}-")'
        traffic = (
            'resource.type="loadbalancing.googleapis.com/ExternalNetworkLoadBalancerRule" AND '
            f'resource.labels.forwarding_rule_name=starts_with("{name}-")'
        )
        widgets = [
            _chart("Instances", _size(group), "ALIGN_MEAN", "REDUCE_SUM"),
            _chart(
                "CPU, mean of the instances",
                f'{instances} AND metric.type="compute.googleapis.com/instance/cpu/utilization"',
                "ALIGN_MEAN",
                "REDUCE_MEAN",
            ),
            _chart(
                "Bytes in, per second",
                f'{traffic} AND metric.type="loadbalancing.googleapis.com/l3/external/ingress_bytes_count"',
                "ALIGN_RATE",
                "REDUCE_SUM",
            ),
            {"title": "Changes of health", "logsPanel": {"filter": _health_log(args.project, group)}},
        ]
        layout = {"displayName": name, "gridLayout": {"columns": "2", "widgets": widgets}}
        return gcp.monitoring.Dashboard(
            f"{name}-dashboard",
            project=args.project,
            dashboard_json=pulumi.Output.json_dumps(layout),
            opts=pulumi.ResourceOptions(parent=self),
        ).id


def _health_log(project: str, group: pulumi.Output[str]) -> pulumi.Output[str]:
    return pulumi.Output.concat(
        f'logName="projects/{project}/logs/compute.googleapis.com%2Fhealthchecks" AND resource.type="gce_instance_group" AND '
        'resource.labels.instance_group_name="', group, '"',
    )  # fmt: skip


def _unhealthy(project: str, group: pulumi.Output[str]) -> pulumi.Output[str]:
    return pulumi.Output.concat(
        _health_log(project, group), ' AND jsonPayload.healthCheckProbeResult.healthState="UNHEALTHY"'
    )


def _recreated(args: MonitoringArgs) -> str:
    return (
        f'logName="projects/{args.project}/logs/cloudaudit.googleapis.com%2Fsystem_event" AND resource.type="gce_instance" AND '
        'protoPayload.methodName="compute.instances.repair.recreateInstance" AND '
        f'protoPayload.resourceName:"/instances/{args.base_instance_name}-"'
    )


def _size(group: pulumi.Output[str]) -> pulumi.Output[str]:
    return pulumi.Output.concat(
        'resource.type="instance_group" AND metric.type="compute.googleapis.com/instance_group/size" AND '
        'resource.labels.instance_group_name="', group, '"',
    )  # fmt: skip


def _chart(title: str, query: pulumi.Input[str], aligner: str, reducer: str) -> dict[str, Any]:
    return {
        "title": title,
        "xyChart": {
            "dataSets": [
                {
                    "plotType": "LINE",
                    "timeSeriesQuery": {
                        "timeSeriesFilter": {
                            "filter": query,
                            "aggregation": {
                                "alignmentPeriod": "60s",
                                "perSeriesAligner": aligner,
                                "crossSeriesReducer": reducer,
                            },
                        }
                    },
                }
            ]
        },
    }
