"""AS: the autoscaler, its limits and what it measures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from mig_policies.forwarding import is_passthrough
from mig_policies.rule import (
    ADVISORY,
    HIGH,
    LOW,
    MANDATORY,
    MEDIUM,
    Parameter,
    Parameters,
    ResourceRule,
    StackRule,
    Stricter,
)
from mig_policies.rules.autohealing import BOOT_SECONDS
from mig_policies.scaling import autoscalers_of, group_of, zone_count
from mig_policies.tokens import AUTOSCALERS, GROUP_MANAGERS
from mig_policies.verdict import Verdict, not_applicable, passed, undetermined, violated

if TYPE_CHECKING:
    from mig_policies.resource import Resource
    from mig_policies.stack import Stack

AUTOSCALER_PAGE: Final = "https://docs.cloud.google.com/compute/docs/autoscaler"
BALANCING_PAGE: Final = "https://docs.cloud.google.com/compute/docs/autoscaler/scaling-load-balancing"
DEFAULT_COOLDOWN: Final = 60  # seconds, by the API


def _room_to_scale(group: Resource, stack: Stack, parameters: Parameters) -> Verdict:
    scalers = autoscalers_of(group, stack)
    if not scalers:
        return violated(f"{group.label} has no autoscaler in this stack, required one")
    scaler, policy = scalers[0], scalers[0].props.block("autoscalingPolicy")
    if policy is None:
        return violated(f"{scaler.label}: autoscalingPolicy unset, required one")
    smallest, largest = policy.integer("minReplicas", 0), policy.integer("maxReplicas", 0)
    zones = zone_count(group)
    least = max(int(parameters.number("minReplicas")), zones)
    if smallest < least:
        return violated(
            f"{scaler.label}: minReplicas {smallest}, required at least {least} "
            f"({group.label} spans {zones} zone{'s' if zones > 1 else ''})"
        )
    factor = parameters.number("minHeadroom")
    if largest < factor * smallest - 1e-9:
        return violated(
            f"{scaler.label}: maxReplicas {largest}, required at least {factor:g} x {smallest} = {math.ceil(factor * smallest)}"
        )
    return passed(f"{scaler.label}: {smallest} to {largest} instances over {zones} zones")


def _no_balancer_signal(scaler: Resource, stack: Stack, _: Parameters) -> Verdict:
    if scaler.props.get("autoscalingPolicy.loadBalancingUtilization") is None:
        return passed(f"{scaler.label} does not scale by the balancer's load")
    group = group_of(scaler, stack)
    services = stack.services_of(group) if group is not None else []
    for service in services:
        if is_passthrough(service):
            return violated(
                f"{scaler.label}: loadBalancingUtilization set and its group is behind {service.label}, a passthrough "
                "balancer, required unset; only Application Load Balancers report a load"
            )
    if group is None or stack.services_with_unknown_backends:
        return undetermined(
            f"{scaler.label}: loadBalancingUtilization set, and which balancer it means cannot be told"
        )
    return not_applicable(f"{scaler.label} scales a group behind no passthrough balancer")


def _steady(scaler: Resource, parameters: Parameters) -> list[Verdict]:
    policy = scaler.props.block("autoscalingPolicy")
    if policy is None:
        return [violated(f"{scaler.label}: autoscalingPolicy unset, required one")]
    found: list[Verdict] = []
    cooldown, boot = policy.integer("cooldownPeriod", DEFAULT_COOLDOWN), parameters.number("bootSeconds")
    if cooldown < boot:
        found.append(
            violated(f"{scaler.label}: cooldownPeriod {cooldown}, required at least {boot:g} (bootSeconds)")
        )
    if policy.get("scaleInControl") is None:
        found.append(
            violated(
                f"{scaler.label}: scaleInControl unset, required one; a lull could take most instances away"
            )
        )
    mode = policy.text("mode", "ON")
    if mode != "ON":
        found.append(violated(f"{scaler.label}: mode {mode}, required ON"))
    return found or [passed(f"{scaler.label}: cooldown {cooldown} s, scale-in controlled, on")]


AS01 = StackRule(
    id="AS01",
    title="The group is autoscaled, with room",
    description="A group must have an autoscaler that keeps an instance in every zone and has room above.",
    remediation="Set minReplicas to the number of zones (2 at least) and maxReplicas to 1.5 times that or more.",
    url=AUTOSCALER_PAGE,
    severity=MEDIUM,
    level=ADVISORY,
    types=GROUP_MANAGERS,
    parameters=(
        Parameter(
            name="minReplicas",
            description="How many instances there must be at least, whatever the zones.",
            default=2,
            minimum=1,
            stricter=Stricter.HIGHER,
        ),
        Parameter(
            name="minHeadroom",
            description="How many times minReplicas maxReplicas must be at least.",
            default=1.5,
            minimum=1,
            stricter=Stricter.HIGHER,
        ),
    ),
    look=_room_to_scale,
)
AS02 = StackRule(
    id="AS02",
    title="No balancer's signal behind a passthrough balancer",
    description="An autoscaler must not scale by load balancing utilization behind a passthrough balancer, which has none.",
    remediation="Scale by cpuUtilization or a metric of the service.",
    url=BALANCING_PAGE,
    severity=HIGH,
    level=MANDATORY,
    types=AUTOSCALERS,
    look=_no_balancer_signal,
)
AS03 = ResourceRule(
    id="AS03",
    title="The autoscaler is steady",
    description="An autoscaler should wait for instances to boot, be held back when scaling in, and be on.",
    remediation="Set cooldownPeriod to the boot time or more, scaleInControl, and mode ON.",
    url=AUTOSCALER_PAGE,
    severity=LOW,
    level=ADVISORY,
    types=AUTOSCALERS,
    parameters=(BOOT_SECONDS,),
    look=_steady,
)

RULES = (AS01, AS02, AS03)
