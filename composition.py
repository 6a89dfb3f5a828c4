"""The service as a whole: settings into components. The one place that knows how the parts are joined.

The program deploys it at the top of its stack, the component package below a resource of its own (`parent`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from components.autoscaler import Autoscaler, AutoscalerArgs
from components.fixed_names import FixedNames
from components.instance_template import InstanceTemplate, InstanceTemplateArgs
from components.managed_instance_group import ManagedInstanceGroup
from components.monitoring import Monitoring, MonitoringArgs
from components.network import Network, NetworkArgs
from components.network_load_balancer import NetworkLoadBalancer, NetworkLoadBalancerArgs
from components.service_identity import ServiceIdentity, ServiceIdentityArgs
from components.startup_script import StartupScript, StartupScriptArgs

if TYPE_CHECKING:
    from components.machine import Machine
    from settings import Settings


@dataclass(frozen=True, kw_only=True)
class Composition:
    """The parts of one service; None for what its settings leave out.

    Attributes:
        script: the start-up script where instances find it.
        identity: the service account with its bindings.
        network: VPC, subnetwork and firewall rules.
        template: what instances are made from.
        canary: what a few of them are made from.
        group: the managed instance group.
        autoscaler: the writer of its size.
        balancer: address, forwarding rules, backend service.
        monitoring: alerts and dashboard.
    """

    script: StartupScript
    identity: ServiceIdentity
    network: Network
    template: InstanceTemplate
    canary: InstanceTemplate | None
    group: ManagedInstanceGroup
    autoscaler: Autoscaler | None
    balancer: NetworkLoadBalancer
    monitoring: Monitoring | None


def compose(settings: Settings, parent: pulumi.Resource | None = None) -> Composition:
    """Declare the service's resources.

    Args:
        settings: everything the stack decides.
        parent: the resource they belong to; the stack itself unless said.
    """
    name, region, checks = settings.service, settings.region, settings.health_checks
    opts = pulumi.ResourceOptions(parent=parent)
    script = StartupScript(name, StartupScriptArgs(source=settings.startup, region=region), opts)
    identity = ServiceIdentity(
        name,
        ServiceIdentityArgs(
            project=settings.project, account=settings.identity, bindings=settings.iam, bucket=script.bucket
        ),
        opts,
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
            names=settings.names,
        ),
        opts,
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
                names=settings.names if not suffix else FixedNames(),
            ),
            opts,
        )

    template = make_template("", settings.machine, script)
    canary: InstanceTemplate | None = None
    if settings.canary is not None:
        other = script
        if settings.canary.startup is not None:
            # Beside the others' files, so that the bindings of that bucket hold for these too.
            beside = StartupScriptArgs(
                source=settings.canary.startup, region=region, bucket=script.bucket, folder="canary/"
            )
            other = StartupScript(f"{name}-canary", beside, opts)
        canary = make_template("-canary", settings.canary.machine or settings.machine, other)
    group = ManagedInstanceGroup(
        name,
        settings.group_arguments(
            instance_template=template.self_link_unique,
            canary_template=canary.self_link_unique if canary else None,
        ),
        opts,
    )
    autoscaler: Autoscaler | None = None
    if settings.autoscaler is not None:
        autoscaler = Autoscaler(
            name,
            AutoscalerArgs(
                region=region,
                zone=settings.group.zone,
                target=group.id,
                policy=settings.autoscaler,
                names=settings.names,
            ),
            opts,
        )
    balancer = NetworkLoadBalancer(
        name,
        NetworkLoadBalancerArgs(
            region=region,
            instance_group=group.instance_group,
            health_checks=checks,
            balancing=settings.load_balancer,
            address=settings.address,
            address_ipv6=settings.address_ipv6,
            subnetwork=network.subnetwork if settings.load_balancer.uses_ipv6 else None,
            health_check=settings.balancer_check_id,
            names=settings.names,
        ),
        opts,
    )
    return Composition(
        script=script,
        identity=identity,
        network=network,
        template=template,
        canary=canary,
        group=group,
        autoscaler=autoscaler,
        balancer=balancer,
        monitoring=_monitoring(settings, group, opts),
    )


def _monitoring(
    settings: Settings, group: ManagedInstanceGroup, opts: pulumi.ResourceOptions
) -> Monitoring | None:
    if not (settings.monitoring.alerts or settings.monitoring.dashboard):
        return None
    return Monitoring(
        settings.service,
        MonitoringArgs(
            project=settings.project,
            policy=settings.monitoring,
            group=group.name,
            base_instance_name=settings.group.base_name(settings.service),
            health_checks=settings.health_checks,
            max_replicas=settings.autoscaler.max_replicas if settings.autoscaler else None,
        ),
        opts,
    )
