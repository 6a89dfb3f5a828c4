"""The program's components as resources of the package, each with its inputs and outputs.

Made by `python -m component_package.generate`; do not edit.
"""

import pulumi

from component_package.inputs import (
    AutoscalerInputs,
    InstanceTemplateInputs,
    ManagedInstanceGroupInputs,
    MonitoringInputs,
    NetworkInputs,
    NetworkLoadBalancerInputs,
    ServiceIdentityInputs,
    StartupScriptInputs,
)
from component_package.packaged import PackagedComponent
from components import (
    autoscaler,
    instance_template,
    managed_instance_group,
    monitoring,
    network,
    network_load_balancer,
    service_identity,
    startup_script,
)


class StartupScript(PackagedComponent):
    """The script where instances find it."""

    _component = startup_script.StartupScript
    _record = startup_script.StartupScriptArgs
    url: pulumi.Output[str] | None
    """gs:// address, or None for a script inline."""
    bucket: pulumi.Output[str] | None
    """Name of the bucket the files are in, where this stack knows one."""
    digest: pulumi.Output[str]
    """SHA-256 over all files' names and contents (or the version of a script kept elsewhere)."""
    metadata: dict[str, pulumi.Output[str]]
    """The instance metadata that has the script run."""
    objects: pulumi.Output[list[str]]
    """The uploaded files, for instances to wait for."""

    def __init__(
        self, name: str, args: StartupScriptInputs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, args, opts)


class ServiceIdentity(PackagedComponent):
    """A service account with its bindings."""

    _component = service_identity.ServiceIdentity
    _record = service_identity.ServiceIdentityArgs
    email: pulumi.Output[str]
    """e-mail address, as instances and firewall rules take it."""
    member: pulumi.Output[str]
    """The same as a member of an IAM policy (`serviceAccount:...`)."""
    bindings: pulumi.Output[list[str]]
    """The binding resources, for instances to wait for."""

    def __init__(
        self, name: str, args: ServiceIdentityInputs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, args, opts)


class Network(PackagedComponent):
    """VPC, subnetwork and firewall rules."""

    _component = network.Network
    _record = network.NetworkArgs
    network: pulumi.Output[str]
    """Id of the VPC."""
    subnetwork: pulumi.Output[str]
    """Id of the subnetwork."""
    firewalls: pulumi.Output[list[str]]
    """The rules, for others to wait for."""

    def __init__(self, name: str, args: NetworkInputs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)


class InstanceTemplate(PackagedComponent):
    """An instance template."""

    _component = instance_template.InstanceTemplate
    _record = instance_template.InstanceTemplateArgs
    self_link_unique: pulumi.Output[str]
    """The template's address with its numeric id: a new template of the same name is another one. (A regional template's address is its name's only; no two have the same.)"""

    def __init__(
        self, name: str, args: InstanceTemplateInputs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, args, opts)


class ManagedInstanceGroup(PackagedComponent):
    """A regional or zonal managed instance group with autohealing."""

    _component = managed_instance_group.ManagedInstanceGroup
    _record = managed_instance_group.ManagedInstanceGroupArgs
    resource_id: pulumi.Output[str]
    """The group manager's id, what an autoscaler targets."""
    name: pulumi.Output[str]
    """The group's name."""
    instance_group: pulumi.Output[str]
    """Address of the instance group, what a backend service takes."""
    health_check: pulumi.Output[str]
    """Id of autohealing's health check."""

    def __init__(
        self, name: str, args: ManagedInstanceGroupInputs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, args, opts)


class Autoscaler(PackagedComponent):
    """A regional or zonal autoscaler, as its group is."""

    _component = autoscaler.Autoscaler
    _record = autoscaler.AutoscalerArgs
    resource_id: pulumi.Output[str]
    """The autoscaler's id."""

    def __init__(self, name: str, args: AutoscalerInputs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)


class NetworkLoadBalancer(PackagedComponent):
    """Address, forwarding rules, backend service and health check."""

    _component = network_load_balancer.NetworkLoadBalancer
    _record = network_load_balancer.NetworkLoadBalancerArgs
    address: pulumi.Output[str]
    """The address clients connect to; over IPv4 where some frontend is."""
    address_ipv6: pulumi.Output[str] | None
    """The one over IPv6, where some frontend is."""
    url: pulumi.Output[str]
    """The first frontend at `address` as a URL, with its first port."""
    health_check: pulumi.Output[str]
    """Id of the balancer's health check."""
    backend_service: pulumi.Output[str]
    """Id of the backend service."""

    def __init__(
        self, name: str, args: NetworkLoadBalancerInputs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, args, opts)


class Monitoring(PackagedComponent):
    """Alert policies and a dashboard."""

    _component = monitoring.Monitoring
    _record = monitoring.MonitoringArgs
    alerts: pulumi.Output[list[str]]
    """Names of the alert policies."""
    dashboard: pulumi.Output[str] | None
    """Id of the dashboard, or None."""

    def __init__(self, name: str, args: MonitoringInputs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
