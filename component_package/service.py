"""The whole service as one resource: what the program deploys, from the settings that a stack's file has."""

import inspect
from collections.abc import Mapping
from typing import Any, cast

import pulumi
from pulumi.provider.experimental.util import camel_case

from component_package.inputs import SettingsInputs
from component_package.outputs import HealthChecksSummary
from component_package.packaged import NAME
from component_package.wire import from_wire_keys
from composition import compose
from settings import NAMESPACE, PROVIDER_SETTINGS, Settings


class Service(pulumi.ComponentResource):
    """A self-healing, autoscaled service: a managed instance group behind an external passthrough network load balancer.

    With network, firewall, identity, start-up script, template, autoscaler, both health checks, and monitoring where asked for. The
    inputs are the settings of a stack's file, and are refused as those are.
    """

    url: pulumi.Output[str]
    """The first frontend as a URL."""
    address: pulumi.Output[str]
    """The address clients connect to; over IPv4 where some frontend is."""
    address_ipv6: pulumi.Output[str] | None
    """The one over IPv6, where some frontend is."""
    instance_group: pulumi.Output[str]
    """Address of the instance group."""
    group: pulumi.Output[str]
    """Id of the group manager."""
    instance_template: pulumi.Output[str]
    """Address of the instance template, with its numeric id."""
    backend_service: pulumi.Output[str]
    """Id of the backend service."""
    network: pulumi.Output[str]
    """Id of the VPC."""
    subnetwork: pulumi.Output[str]
    """Id of the subnetwork."""
    service_account: pulumi.Output[str]
    """E-mail address of the instances' identity."""
    bucket: pulumi.Output[str] | None
    """Name of the bucket that the start-up script is in, where one is known."""
    autohealing_check: pulumi.Output[str]
    """Id of the health check that has instances recreated."""
    balancer_check: pulumi.Output[str]
    """Id of the health check that stops new connections."""
    health_checks: pulumi.Output[HealthChecksSummary]
    """Both health checks with their detection times in seconds, compared."""

    @classmethod
    def from_wire(cls, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the engine handed over by the names of the settings.

        Raises:
            InvalidArgumentError: a key that nothing would read.
        """
        return from_wire_keys([Settings], inputs, f"{NAMESPACE}:")

    def __init__(self, name: str, args: SettingsInputs, opts: pulumi.ResourceOptions | None = None) -> None:
        config = pulumi.Config("gcp")
        provider = {setting: config.get(setting) for setting in PROVIDER_SETTINGS}
        settings = Settings.from_values({**provider, "service": name, **args})
        super().__init__(f"{NAME}:index:Service", name, None, opts)
        parts = compose(settings, self)
        self.url = parts.balancer.url
        self.address = parts.balancer.address
        self.address_ipv6 = parts.balancer.address_ipv6
        self.instance_group = parts.group.instance_group
        self.group = parts.group.id
        self.instance_template = parts.template.self_link_unique
        self.backend_service = parts.balancer.backend_service
        self.network = parts.network.network
        self.subnetwork = parts.network.subnetwork
        self.service_account = parts.identity.email
        self.bucket = parts.script.bucket
        self.autohealing_check = parts.group.health_check
        self.balancer_check = parts.balancer.health_check
        self.health_checks = pulumi.Output.from_input(
            cast("HealthChecksSummary", settings.health_checks.summary())
        )
        self.register_outputs(
            {camel_case(output): getattr(self, output) for output in inspect.get_annotations(type(self))}
        )
