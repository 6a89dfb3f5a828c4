"""The autoscaler: the only writer of the group's size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_gcp as gcp

from components.fixed_names import FixedNames
from components.resource_name import require_resource_name
from components.scaling_policy import ScalingPolicy


@dataclass(frozen=True, kw_only=True)
class AutoscalerArgs:
    """What the autoscaler is made from.

    Attributes:
        region: where the group is.
        target: id of the group manager.
        policy: limits and signals.
        zone: where a zonal group is.
        names: names that what is made has already, for taking it over by import.
    """

    region: str
    target: pulumi.Input[str]
    policy: ScalingPolicy
    zone: str | None = None
    names: FixedNames = field(default_factory=FixedNames)


class Autoscaler(pulumi.ComponentResource):
    """A regional or zonal autoscaler, as its group is.

    Attributes:
        id: the autoscaler's id.
    """

    id: pulumi.Output[str]

    def __init__(self, name: str, args: AutoscalerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        require_resource_name("service", name)
        super().__init__("mig-nlb:compute:Autoscaler", name, None, opts)
        # A group has one autoscaler, and an autoscaler keeps its group: with a new group, the old pair's goes first.
        child = pulumi.ResourceOptions(parent=self, replace_on_changes=["target"], delete_before_replace=True)
        common: dict[str, Any] = {
            "name": args.names.autoscaler or name,
            "target": args.target,
            "autoscaling_policy": args.policy.resource_arguments(),
        }
        autoscaler: gcp.compute.Autoscaler | gcp.compute.RegionAutoscaler
        if args.zone is not None:
            autoscaler = gcp.compute.Autoscaler(f"{name}-autoscaler", zone=args.zone, **common, opts=child)
        else:
            autoscaler = gcp.compute.RegionAutoscaler(
                f"{name}-autoscaler", region=args.region, **common, opts=child
            )
        self.id = autoscaler.id
        self.register_outputs({"id": self.id})
