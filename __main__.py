"""The service on Google Cloud: settings into components, components into outputs."""

from __future__ import annotations

import pulumi

from components.autoscaler import Autoscaler, AutoscalerArgs
from components.instance_template import InstanceTemplate, InstanceTemplateArgs
from components.managed_instance_group import ManagedInstanceGroup, ManagedInstanceGroupArgs
from components.network import Network, NetworkArgs
from components.network_load_balancer import NetworkLoadBalancer, NetworkLoadBalancerArgs
from components.service_identity import ServiceIdentity, ServiceIdentityArgs
from components.startup_script import StartupScript, StartupScriptArgs
from settings import Settings

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
template = InstanceTemplate(
    name,
    InstanceTemplateArgs(
        machine=settings.machine,
        subnetwork=network.subnetwork,
        service_account=identity.email,
        startup_metadata=script.metadata,
        wait_for=(*identity.bindings, *script.objects, *network.firewalls),
    ),
)
group = ManagedInstanceGroup(
    name,
    ManagedInstanceGroupArgs(
        region=region,
        instance_template=template.self_link_unique,
        shape=settings.group,
        health_checks=checks,
        update=settings.update,
        repair=settings.repair,
        smallest_size=settings.autoscaler.min_replicas,
    ),
)
autoscaler = Autoscaler(name, AutoscalerArgs(region=region, target=group.id, policy=settings.autoscaler))
balancer = NetworkLoadBalancer(
    name,
    NetworkLoadBalancerArgs(
        region=region,
        instance_group=group.instance_group,
        health_checks=checks,
        balancing=settings.load_balancer,
        address=settings.address,
    ),
)

pulumi.export("url", balancer.url)
pulumi.export("address", balancer.address)
pulumi.export("instance_group", group.instance_group)
pulumi.export("health_checks", checks.summary())
