"""The managed instance group and its own health check, the one that has instances recreated.

The group and the check are named by Pulumi, so that a replacement stands before the old one goes. A group that an autoscaler sizes is
*created* with the fewest instances it may have, and a deployment waits for them: a replacement that began empty would get the balancer's
traffic with nobody to answer. From then on its size is ignored here, or every deployment would undo the autoscaler's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_gcp as gcp

from components.canary import version_arguments
from components.fixed_names import FixedNames
from components.group_shape import GroupShape
from components.health_check_pair import HealthCheckPair
from components.instance_flexibility import InstanceSelection, flexibility_arguments
from components.invalid_argument import InvalidArgumentError, within
from components.repair_policy import RepairPolicy
from components.resource_name import require_resource_name
from components.standby_pool import StandbyPool
from components.stateful_policy import StatefulPolicy
from components.update_policy import UpdatePolicy


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
        smallest_size: the fewest instances the group may have; what percentages are judged by, and what a group without
            `shape.target_size` begins with.
        canary_template: `self_link_unique` of the template that some instances are made from.
        canary_size: how many: {"fixed": n} or {"percent": n}.
        health_check: id of a check that somebody else keeps, in place of one made from `health_checks.autohealing`, which has to
            describe it: firewall and comparison go by the description.
        stateful: what recreated instances keep.
        flexibility: machine types to choose among, by name.
        standby: instances that wait beside those that run.
        names: names that what is made has already, for taking it over by import.
    """

    region: str
    instance_template: pulumi.Input[str]
    shape: GroupShape
    health_checks: HealthCheckPair
    update: UpdatePolicy
    repair: RepairPolicy
    smallest_size: int
    canary_template: pulumi.Input[str] | None = None
    canary_size: Mapping[str, int] | None = None
    health_check: pulumi.Input[str] | None = None
    stateful: StatefulPolicy = field(default_factory=StatefulPolicy)
    flexibility: Mapping[str, InstanceSelection] = field(default_factory=dict)
    standby: StandbyPool = field(default_factory=StandbyPool)
    names: FixedNames = field(default_factory=FixedNames)

    def __post_init__(self) -> None:
        """Refuse combinations the API refuses."""
        self.shape.require_region(self.region)
        self.standby.require_boot(self.repair.boot_sec)
        self.update.validate_for(zones=len(self.shape.zones), smallest_size=self.smallest_size)
        with within("shape"):
            self.shape.require_redistribution(self.update.instance_redistribution_type)
        if self.flexibility and (self.shape.zone or self.shape.target_shape == "EVEN"):
            raise InvalidArgumentError(
                "flexibility", ", ".join(self.flexibility),
                "only a regional group that need not be even can choose machine types",
                "use target_shape ANY or BALANCED",
            )  # fmt: skip
        if not self.stateful.empty and (
            self.shape.target_size is None or self.update.replacement_method != "RECREATE"
        ):
            raise InvalidArgumentError(
                "stateful", "set", "instances with state keep their names, and no autoscaler may choose whose state goes",
                "set group.target_size in place of the autoscaler, and update replacement_method: RECREATE with max_surge: 0",
            )  # fmt: skip
        redistribution = self.update.instance_redistribution_type
        if not self.stateful.empty and self.shape.zone is None and redistribution != "NONE":
            raise InvalidArgumentError(
                "stateful", "set", f"with update instance_redistribution_type {redistribution}, instances are deleted to even out zones",
                "set update instance_redistribution_type: NONE",
            )  # fmt: skip
        if self.canary_template is not None and self.canary_size is None:
            raise InvalidArgumentError(
                "canary_size",
                None,
                "a group has one version without a size only",
                "say how many are canaries",
            )


class ManagedInstanceGroup(pulumi.ComponentResource):
    """A regional or zonal managed instance group with autohealing.

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
        base_name = args.shape.base_name(name)
        require_resource_name("service", name, suffix="-autohealing", automatic=True)
        super().__init__("mig-nlb:compute:ManagedInstanceGroup", name, None, opts)
        checks = args.health_checks
        if checks.weaknesses():
            pulumi.log.warn(f"health_check_guard is off. {checks.explanation()}", self)
        self.health_check = self._make_health_check(name, args)
        manager = self._make_manager(name, base_name, args)
        self.id = manager.id
        self.name = manager.name
        self.instance_group = manager.instance_group
        self.register_outputs(
            {
                "id": self.id,
                "name": self.name,
                "instance_group": self.instance_group,
                "health_check": self.health_check,
            }
        )

    def _make_health_check(self, name: str, args: ManagedInstanceGroupArgs) -> pulumi.Output[str]:
        if args.health_check is not None:
            return pulumi.Output.from_input(args.health_check)
        return gcp.compute.HealthCheck(
            f"{name}-autohealing",
            name=args.names.autohealing_check,
            description="Has the group recreate instances; more conservative than the load balancer's.",
            **args.health_checks.autohealing.resource_arguments(),
            opts=pulumi.ResourceOptions(parent=self),
        ).id

    def _make_manager(
        self, name: str, base_name: str, args: ManagedInstanceGroupArgs
    ) -> gcp.compute.RegionInstanceGroupManager | gcp.compute.InstanceGroupManager:
        shape = args.shape
        size = dict(args.canary_size) if args.canary_size else None
        common: dict[str, Any] = {
            "name": args.names.group,
            "base_instance_name": base_name,
            "target_size": args.smallest_size if shape.target_size is None else shape.target_size,
            "versions": version_arguments(args.instance_template, args.canary_template, size),
            "named_ports": [
                {"name": port_name, "port": port} for port_name, port in sorted(shape.named_ports.items())
            ],
            "auto_healing_policies": {
                "health_check": self.health_check,
                "initial_delay_sec": args.repair.initial_delay_sec,
            },
            "update_policy": args.update.resource_arguments(len(shape.zones), zonal=shape.zone is not None),
            "instance_lifecycle_policy": args.repair.lifecycle_arguments(),
            "all_instances_config": _all_instances_config(shape),
            "wait_for_instances": shape.wait_for_instances,
            "wait_for_instances_status": _waited_for(args) if shape.wait_for_instances else None,
            **args.stateful.resource_arguments(),
            **args.standby.resource_arguments(),
            **flexibility_arguments(args.flexibility),
        }
        opts = pulumi.ResourceOptions(
            parent=self, ignore_changes=["targetSize"] if shape.target_size is None else None
        )
        if shape.zone is not None:
            return gcp.compute.InstanceGroupManager(f"{name}-group", zone=shape.zone, **common, opts=opts)
        return gcp.compute.RegionInstanceGroupManager(
            f"{name}-group",
            region=args.region,
            distribution_policy_zones=list(shape.zones),
            distribution_policy_target_shape=shape.target_shape,
            **common,
            opts=opts,
        )


def _waited_for(args: ManagedInstanceGroupArgs) -> str:
    # An opportunistic update reaches the instances when something else replaces them, which nobody can wait for.
    return "UPDATED" if args.update.type == "PROACTIVE" else "STABLE"


def _all_instances_config(shape: GroupShape) -> dict[str, dict[str, str]] | None:
    if not shape.instance_metadata and not shape.instance_labels:
        return None
    return {"metadata": dict(shape.instance_metadata), "labels": dict(shape.instance_labels)}
