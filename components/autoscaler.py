"""The autoscaler: the only writer of the group's size."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from components.resource_name import require_resource_name
from components.scaling_policy import ScalingPolicy


@dataclass(frozen=True, kw_only=True)
class AutoscalerArgs:
    """The group manager's id, and the policy."""

    region: str
    target: pulumi.Input[str]
    policy: ScalingPolicy


class Autoscaler(pulumi.ComponentResource):
    """A regional autoscaler.

    Attributes:
        id: the autoscaler's id.
    """

    id: pulumi.Output[str]

    def __init__(self, name: str, args: AutoscalerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        require_resource_name("service", name)
        super().__init__("mig-nlb:compute:Autoscaler", name, None, opts)
        autoscaler = gcp.compute.RegionAutoscaler(
            f"{name}-autoscaler",
            name=name,
            region=args.region,
            target=args.target,
            autoscaling_policy=gcp.compute.RegionAutoscalerAutoscalingPolicyArgs(
                **args.policy.resource_arguments()
            ),
            # A group has one autoscaler, and an autoscaler keeps its group: with a new group, the old pair's goes first.
            opts=pulumi.ResourceOptions(
                parent=self, replace_on_changes=["target"], delete_before_replace=True
            ),
        )
        self.id = autoscaler.id
        self.register_outputs({"id": self.id})
