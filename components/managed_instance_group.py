"""The regional managed instance group and its own health check, the one that has instances recreated.

Leaves out the target size: the autoscaler writes it, and setting it here as well would have every deployment undo its work.
The group and the check are named by Pulumi, so that a replacement stands before the old one goes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import pulumi
import pulumi_gcp as gcp

from components.health_check_pair import HealthCheckPair
from components.invalid_argument import InvalidArgumentError, require_choice, require_range
from components.repair_policy import RepairPolicy
from components.resource_name import require_resource_name
from components.update_policy import UpdatePolicy

MAX_BASE_NAME = 58  # a dash and four random characters follow
_SHAPES = ("EVEN", "BALANCED", "ANY", "ANY_SINGLE_ZONE")


@dataclass(frozen=True, kw_only=True)
class GroupShape:
    """Where the group's instances stand, and what the group calls them and their ports.

    Attributes:
        zones: the zones, written out: a lookup would move the group whenever Google opens a zone. Three is usual.
        target_shape: EVEN keeps zones within one instance of each other; BALANCED and ANY_SINGLE_ZONE need redistribution NONE.
        named_ports: names for ports, for the tools that go by them.
        base_instance_name: what instances are called before their random four characters; the service's name unless said.
        wait_for_instances: have a deployment wait until an update has reached every instance, and fail when it does not. Without
            it the deployment fails at its very end: the old template cannot be deleted while instances made from it still run.
        instance_metadata: metadata laid over the template's, without a new template.
        instance_labels: labels likewise.

    Raises:
        InvalidArgumentError: a value the API refuses.
    """

    zones: tuple[str, ...]
    target_shape: Literal["EVEN", "BALANCED", "ANY", "ANY_SINGLE_ZONE"] = "EVEN"
    named_ports: Mapping[str, int] = field(default_factory=lambda: {"http": 8080})
    base_instance_name: str | None = None
    wait_for_instances: bool = True
    instance_metadata: Mapping[str, str] = field(default_factory=dict)
    instance_labels: Mapping[str, str] = field(default_factory=dict)

    refused: ClassVar[Mapping[str, str]] = {
        "target_size": "the autoscaler owns the size, and would be undone by every deployment; set mig-nlb:autoscaler min_replicas"
    }

    def __post_init__(self) -> None:
        """Refuse what the API refuses."""
        if not self.zones or len(set(self.zones)) != len(self.zones):
            raise InvalidArgumentError(
                "zones",
                list(self.zones),
                "at least one zone, each once",
                "write for instance three zones of the region",
            )
        require_choice("target_shape", self.target_shape, _SHAPES)
        for port in self.named_ports.values():
            require_range("named_ports", port, 1, 65535)

    def require_region(self, region: str) -> None:
        """Refuse zones of other regions.

        Raises:
            InvalidArgumentError: naming the zone.
        """
        for zone in self.zones:
            if not re.fullmatch(rf"{re.escape(region)}-[a-z]", zone):
                raise InvalidArgumentError(
                    "zones", zone, f"not a zone of the region {region}", f"write for instance {region}-b"
                )


@dataclass(frozen=True, kw_only=True)
class ManagedInstanceGroupArgs:
    """What the group is made from.

    Attributes:
        region: where it is.
        instance_template: `self_link_unique` of the template.
        shape: zones, ports, names.
        health_checks: both checks: the group's own, and the balancer's that it had to be compared with.
        update: how a new template reaches the instances.
        repair: when an instance may be condemned.
        smallest_size: the fewest instances the autoscaler leaves; what percentages are judged by.
    """

    region: str
    instance_template: pulumi.Input[str]
    shape: GroupShape
    health_checks: HealthCheckPair
    update: UpdatePolicy
    repair: RepairPolicy
    smallest_size: int

    def __post_init__(self) -> None:
        """Refuse combinations the API refuses."""
        self.shape.require_region(self.region)
        self.update.validate_for(zones=len(self.shape.zones), smallest_size=self.smallest_size)
        if (
            self.shape.target_shape in {"BALANCED", "ANY_SINGLE_ZONE"}
            and self.update.instance_redistribution_type != "NONE"
        ):
            raise InvalidArgumentError(
                "target_shape", self.shape.target_shape, "this shape needs redistribution off",
                "set mig-nlb:update instance_redistribution_type: NONE, or use EVEN",
            )  # fmt: skip


class ManagedInstanceGroup(pulumi.ComponentResource):
    """A regional managed instance group with autohealing.

    Attributes:
        id: the group manager's id, what an autoscaler targets.
        name: the group's name.
        instance_group: address of the instance group, what a backend service takes.
        health_check: id of autohealing's health check.
    """

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    instance_group: pulumi.Output[str]
    health_check: pulumi.Output[str]

    def __init__(
        self, name: str, args: ManagedInstanceGroupArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        base_name = require_resource_name(
            "base_instance_name", args.shape.base_instance_name or name, limit=MAX_BASE_NAME
        )
        require_resource_name("service", name, suffix="-autohealing", automatic=True)
        super().__init__("mig-nlb:compute:ManagedInstanceGroup", name, None, opts)
        checks = args.health_checks
        if checks.weaknesses():
            pulumi.log.warn(f"health_check_guard is off. {checks.explanation()}", self)
        check = gcp.compute.HealthCheck(
            f"{name}-autohealing",
            description="Has the group recreate instances; more conservative than the load balancer's.",
            **checks.autohealing.resource_arguments(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        shape, compute = args.shape, gcp.compute
        manager = compute.RegionInstanceGroupManager(
            f"{name}-group",
            base_instance_name=base_name,
            region=args.region,
            distribution_policy_zones=list(shape.zones),
            distribution_policy_target_shape=shape.target_shape,
            versions=[
                compute.RegionInstanceGroupManagerVersionArgs(instance_template=args.instance_template)
            ],
            named_ports=[
                compute.RegionInstanceGroupManagerNamedPortArgs(name=port_name, port=port)
                for port_name, port in sorted(shape.named_ports.items())
            ],
            auto_healing_policies=compute.RegionInstanceGroupManagerAutoHealingPoliciesArgs(
                health_check=check.id, initial_delay_sec=args.repair.initial_delay_sec
            ),
            update_policy=compute.RegionInstanceGroupManagerUpdatePolicyArgs(
                **args.update.resource_arguments(len(shape.zones))
            ),
            instance_lifecycle_policy=compute.RegionInstanceGroupManagerInstanceLifecyclePolicyArgs(
                **args.repair.lifecycle_arguments()
            ),
            all_instances_config=_all_instances_config(shape),
            wait_for_instances=shape.wait_for_instances,
            wait_for_instances_status=_waited_for(args) if shape.wait_for_instances else None,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.id = manager.id
        self.name = manager.name
        self.instance_group = manager.instance_group
        self.health_check = check.id
        self.register_outputs(
            {"id": self.id, "instance_group": self.instance_group, "health_check": self.health_check}
        )


def _waited_for(args: ManagedInstanceGroupArgs) -> str:
    # An opportunistic update reaches the instances when something else replaces them, which nobody can wait for.
    return "UPDATED" if args.update.type == "PROACTIVE" else "STABLE"


def _all_instances_config(
    shape: GroupShape,
) -> gcp.compute.RegionInstanceGroupManagerAllInstancesConfigArgs | None:
    if not shape.instance_metadata and not shape.instance_labels:
        return None
    return gcp.compute.RegionInstanceGroupManagerAllInstancesConfigArgs(
        metadata=dict(shape.instance_metadata), labels=dict(shape.instance_labels)
    )
