"""The service on Google Cloud: settings into components, components into outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from components.autoscaler import Autoscaler, AutoscalerArgs
from components.instance_template import InstanceTemplate, InstanceTemplateArgs
from components.managed_instance_group import ManagedInstanceGroup
from components.monitoring import Monitoring, MonitoringArgs
from components.network import Network, NetworkArgs
from components.network_load_balancer import NetworkLoadBalancer, NetworkLoadBalancerArgs
from components.service_identity import ServiceIdentity, ServiceIdentityArgs
from components.startup_script import StartupScript, StartupScriptArgs
from settings import Settings

if TYPE_CHECKING:
    from components.machine import Machine

settings = Settings.from_stack()
name, region, checks = settings.service, settings.region, settings.health_checks

script = StartupScript(name, StartupScriptArgs(source=settings.startup, region=region))
identity = ServiceIdentity(
    name,
    ServiceIdentityArgs(
        project=settings.project, account=settings.identity, bindings=settings.iam, bucket=script.bucket
    ),
)
network = Network(
    name,
    NetworkArgs(
        region=region,
        vpc=settings.network,
        health_checks=checks,
        frontends=tuple(settings.load_balancer.frontends.values()),
        firewall=settings.firewall,
        service_account=identity.email,
    ),
)


def make_template(suffix: str, machine: Machine, startup: StartupScript) -> InstanceTemplate:
    """Return a template of these instances; they boot when they may fetch their script and be probed."""
    return InstanceTemplate(
        f"{name}{suffix}",
        InstanceTemplateArgs(
            machine=machine,
            subnetwork=network.subnetwork,
            service_account=identity.email,
            startup_metadata=startup.metadata,
            wait_for=(*identity.bindings, *startup.objects, *network.firewalls),
            ipv6=settings.load_balancer.uses_ipv6,
            region=region if settings.template_scope == "REGIONAL" else None,
        ),
    )


template = make_template("", settings.machine, script)
canary: InstanceTemplate | None = None
if settings.canary is not None:
    other = settings.canary.startup
    canary = make_template(
        "-canary",
        settings.canary.machine or settings.machine,
        StartupScript(f"{name}-canary", StartupScriptArgs(source=other, region=region)) if other else script,
    )
group = ManagedInstanceGroup(
    name,
    settings.group_arguments(
        instance_template=template.self_link_unique,
        canary_template=canary.self_link_unique if canary else None,
    ),
)
if settings.autoscaler is not None:
    Autoscaler(
        name,
        AutoscalerArgs(region=region, zone=settings.group.zone, target=group.id, policy=settings.autoscaler),
    )
balancer = NetworkLoadBalancer(
    name,
    NetworkLoadBalancerArgs(
        region=region,
        instance_group=group.instance_group,
        health_checks=checks,
        balancing=settings.load_balancer,
        address=settings.address,
        subnetwork=network.subnetwork if settings.load_balancer.uses_ipv6 else None,
        health_check=settings.balancer_check_id,
    ),
)
if settings.monitoring.alerts or settings.monitoring.dashboard:
    Monitoring(
        name,
        MonitoringArgs(
            project=settings.project,
            policy=settings.monitoring,
            group=group.name,
            base_instance_name=settings.group.base_name(name),
            health_checks=checks,
            max_replicas=settings.autoscaler.max_replicas if settings.autoscaler else None,
        ),
    )

pulumi.export("url", balancer.url)
pulumi.export("address", balancer.address)
if balancer.address_ipv6 is not None:
    pulumi.export("address_ipv6", balancer.address_ipv6)
pulumi.export("instance_group", group.instance_group)
pulumi.export("health_checks", checks.summary())
