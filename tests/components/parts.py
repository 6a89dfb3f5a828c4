"""Arguments that work, for tests that change one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.autoscaler import Autoscaler, AutoscalerArgs
from components.balancing import Balancing
from components.frontend import Frontend
from components.group_shape import GroupShape
from components.health_check_pair import HealthCheckPair
from components.instance_template import InstanceTemplate, InstanceTemplateArgs
from components.managed_instance_group import ManagedInstanceGroup, ManagedInstanceGroupArgs
from components.monitoring import Monitoring, MonitoringArgs, MonitoringPolicy
from components.network import FirewallPolicy, Network, NetworkArgs, NewVpc
from components.network_load_balancer import NetworkLoadBalancer, NetworkLoadBalancerArgs
from components.repair_policy import RepairPolicy
from components.scaling_policy import ScalingPolicy
from components.update_policy import UpdatePolicy
from tests.components.recording import REGION, Recording, record

if TYPE_CHECKING:
    from components.machine import Machine

ZONES = (f"{REGION}-b", f"{REGION}-c", f"{REGION}-d")
DUAL_STACK = {"main": Frontend(), "main-v6": Frontend(ip_version="IPV6")}
VIEWER = "roles/storage.objectViewer"


def make_group(**changes: object) -> Recording:
    """Make a group of good arguments but for these."""
    arguments: dict[str, object] = {
        "region": REGION,
        "instance_template": "template-1",
        "shape": GroupShape(zones=ZONES),
        "health_checks": HealthCheckPair(),
        "update": UpdatePolicy(),
        "repair": RepairPolicy(),
        "smallest_size": 3,
    }
    args = ManagedInstanceGroupArgs(**{**arguments, **changes})  # type: ignore[arg-type]  # tests pass wrong ones on purpose
    return record(lambda: ManagedInstanceGroup("web", args))


def make_network(**changes: object) -> Recording:
    """Make a network of good arguments but for these."""
    arguments: dict[str, object] = {
        "region": REGION,
        "vpc": NewVpc(),
        "health_checks": HealthCheckPair(),
        "frontends": (Frontend(),),
        "firewall": FirewallPolicy(client_ranges=("203.0.113.0/24",)),
        "service_account": "vm@p.iam.gserviceaccount.com",
    }
    args = NetworkArgs(**{**arguments, **changes})  # type: ignore[arg-type]  # tests pass wrong ones on purpose
    return record(lambda: Network("web", args))


def make_balancer(balancing: Balancing | None = None, **changes: object) -> Recording:
    """Make a load balancer of good arguments but for these."""
    arguments: dict[str, object] = {
        "region": REGION,
        "instance_group": "group-1",
        "health_checks": HealthCheckPair(),
        "balancing": balancing or Balancing(),
    }
    args = NetworkLoadBalancerArgs(**{**arguments, **changes})  # type: ignore[arg-type]  # tests pass wrong ones on purpose
    return record(lambda: NetworkLoadBalancer("web", args))


def make_template(machine: Machine, region: str | None = None, *, ipv6: bool = False) -> Recording:
    """Make a template of good arguments but for these."""
    return record(
        lambda: InstanceTemplate(
            "web",
            InstanceTemplateArgs(
                machine=machine,
                subnetwork="subnet",
                service_account="vm@p.iam.gserviceaccount.com",
                region=region,
                ipv6=ipv6,
            ),
        )
    )


def make_autoscaler(zone: str | None = None) -> Recording:
    """Make an autoscaler of good arguments but for these."""
    args = AutoscalerArgs(region=REGION, zone=zone, target="group", policy=ScalingPolicy())
    return record(lambda: Autoscaler("web", args))


def make_monitoring(policy: MonitoringPolicy, max_replicas: int | None = 10) -> Recording:
    """Make alerts and a dashboard of good arguments but for these."""
    args = MonitoringArgs(
        project="p",
        policy=policy,
        group="web-group-1",
        base_instance_name="web",
        health_checks=HealthCheckPair(),
        max_replicas=max_replicas,
    )
    return record(lambda: Monitoring("web", args))
