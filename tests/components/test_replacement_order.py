"""What is replaced stands before the old one goes, but for what the API allows one of; and children stay in their component."""

from __future__ import annotations

import pulumi

from components.autoscaler import Autoscaler, AutoscalerArgs
from components.machine import Machine
from components.scaling_policy import ScalingPolicy
from tests.components.parts import (
    make_autoscaler,
    make_balancer,
    make_group,
    make_template,
)
from tests.components.recording import REGION, record


def test_replacement_is_in_the_order_the_api_allows() -> None:
    group, balancer, autoscaler = make_group(), make_balancer(), make_autoscaler()
    # Named by Pulumi, so the new one can stand before the old one goes.
    for resource in (
        group.named("web-group"),
        group.named("web-autohealing"),
        balancer.named("web-balancer"),
        balancer.named("web-backend"),
    ):
        assert "name" not in resource.inputs
        assert not resource.delete_before_replace
    template = make_template(Machine()).one("InstanceTemplate")
    assert template.inputs["namePrefix"] == "web-"
    assert "name" not in template.inputs
    # One autoscaler to a group, one rule to an address and port: the old one goes first.
    assert autoscaler.one("RegionAutoscaler").delete_before_replace
    assert autoscaler.one("RegionAutoscaler").replace_on_changes == ("target",)
    assert balancer.one("ForwardingRule").delete_before_replace
    # The address is a resource of its own, which no such replacement touches.
    assert balancer.one("Address").depends_on == frozenset()


def test_children_stay_inside_their_component_and_tokens_are_the_projects() -> None:
    elsewhere = pulumi.ResourceOptions(protect=True)
    args = AutoscalerArgs(region=REGION, target="group", policy=ScalingPolicy())
    made = record(lambda: Autoscaler("web", args, elsewhere))
    assert [(item.type, item.parent) for item in made.resources] == [
        ("mig-nlb:compute:Autoscaler", "p-test"),
        ("gcp:compute/regionAutoscaler:RegionAutoscaler", "web"),
    ]
