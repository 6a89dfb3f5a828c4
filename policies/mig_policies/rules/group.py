"""MIG: the managed instance group's shape, size and updates, and the template it is made from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mig_policies.rule import (
    ADVISORY,
    HIGH,
    MANDATORY,
    MEDIUM,
    Parameter,
    Parameters,
    ResourceRule,
    StackRule,
    Stricter,
)
from mig_policies.scaling import autoscalers_of, zone_count
from mig_policies.tokens import GROUP_MANAGER, GROUP_MANAGERS, INSTANCE_TEMPLATES, REGION_GROUP_MANAGER
from mig_policies.verdict import Verdict, not_applicable, passed, violated

if TYPE_CHECKING:
    from mig_policies.resource import Resource
    from mig_policies.stack import Stack

REGIONAL_PAGE: Final = "https://docs.cloud.google.com/compute/docs/instance-groups/regional-migs"
UPDATES_PAGE: Final = "https://docs.cloud.google.com/compute/docs/instance-groups/rolling-out-updates-to-managed-instance-groups"
AUTOSCALER_PAGE: Final = "https://docs.cloud.google.com/compute/docs/autoscaler"
TEMPLATES_PAGE: Final = "https://docs.cloud.google.com/compute/docs/instance-templates"
_AUTONAME: Final = r"-[0-9a-f]{7,8}"  # what Pulumi appends where no name is given


def _spread_over_zones(group: Resource, parameters: Parameters) -> Verdict:
    least = int(parameters.number("minZones"))
    if group.type == GROUP_MANAGER:
        return violated(f"{group.label} is zonal, required regional over at least {least} zones")
    zones = [zone.rsplit("/", 1)[-1] for zone in group.props.texts("distributionPolicyZones")]
    count = zone_count(group)
    if count < least:
        return violated(
            f"{group.label}: {count} zone{'s' if count > 1 else ''} ({', '.join(zones)}), required at least {least}"
        )
    allowed = parameters.texts("allowedZones")
    beyond = [zone for zone in zones if allowed and zone not in allowed]
    if beyond:
        return violated(f"{group.label}: zone {', '.join(beyond)}, required only {', '.join(allowed)}")
    return passed(f"{group.label}: {count} zones")


def _one_owner_of_the_size(group: Resource, stack: Stack, _: Parameters) -> Verdict:
    scalers = autoscalers_of(group, stack)
    if not scalers:
        return not_applicable(f"{group.label} has no autoscaler in this stack")
    # Only what is written counts: on an existing group the size is known, for the autoscaler set it.
    size = group.declaration.integer("targetSize", None)
    if size is not None and "targetSize" not in group.ignored:
        return violated(
            f"{group.label}: targetSize {size} beside {scalers[0].label}, required unset or named in ignoreChanges; every deployment "
            "would undo the autoscaler's work"
        )
    if size is not None:
        return passed(
            f"{group.label}: begins with {size}; from then on its size is {scalers[0].label}'s business alone"
        )
    return passed(f"{group.label}: its size is {scalers[0].label}'s business alone")


def _updates_keep_capacity(group: Resource, parameters: Parameters) -> Verdict:
    policy = group.props.block("updatePolicy")
    if policy is None:
        return violated(
            f"{group.label}: updatePolicy unset, required maxUnavailable 0, surge above 0 and minReadySec"
        )
    fixed, percent = (
        policy.integer("maxUnavailableFixed", None),
        policy.integer("maxUnavailablePercent", None),
    )
    unavailable = percent if fixed is None else fixed
    if unavailable is None or unavailable > 0:
        told = "unset (the default is the number of zones)" if unavailable is None else str(unavailable)
        return violated(f"{group.label}: maxUnavailable {told}, required 0; updates would take capacity away")
    surge = max(policy.integer("maxSurgeFixed", 0), policy.integer("maxSurgePercent", 0))
    if surge == 0:
        return violated(
            f"{group.label}: maxSurge 0 beside maxUnavailable 0, required above 0; updates could not proceed"
        )
    ready, least = policy.integer("minReadySec", 0), parameters.number("minReadySeconds")
    if ready < least:
        return violated(
            f"{group.label}: minReadySec {ready}, required at least {least:g}; a broken version would roll on"
        )
    return passed(f"{group.label}: updates surge by {surge} and take nothing away")


def _redistributes(group: Resource, stack: Stack, _: Parameters) -> Verdict:
    if not autoscalers_of(group, stack):
        return not_applicable(f"{group.label} has no autoscaler in this stack")
    shape = group.props.text("distributionPolicyTargetShape", "EVEN")
    if shape not in {"EVEN", "BALANCED"}:
        return violated(f"{group.label}: distributionPolicyTargetShape {shape}, required EVEN or BALANCED")
    redistribution = group.props.text("updatePolicy.instanceRedistributionType", "PROACTIVE")
    if shape == "EVEN" and redistribution != "PROACTIVE":
        return violated(
            f"{group.label}: instanceRedistributionType {redistribution} with shape EVEN, required PROACTIVE"
        )
    return passed(f"{group.label}: shape {shape}, redistribution {redistribution}")


def _template_can_be_replaced(template: Resource, _: Parameters) -> Verdict:
    if template.delete_before_replace:
        return violated(
            f"{template.label}: deleteBeforeReplace true, required unset; a group still uses the old template"
        )
    name = template.props.text("name", None)
    generated = re.fullmatch(re.escape(template.name) + _AUTONAME, name or "")
    if name is not None and not generated and template.props.text("namePrefix", None) is None:
        return violated(
            f"{template.label}: fixed name '{name}', required namePrefix; its successor could not be created beside it"
        )
    return passed(f"{template.label}: its name rotates")


MIG01 = ResourceRule(
    id="MIG01",
    title="The group spans zones",
    description="A managed instance group must be regional and span several zones, so that it survives the loss of one.",
    remediation="Use RegionInstanceGroupManager with distributionPolicyZones.",
    url=REGIONAL_PAGE,
    severity=HIGH,
    level=ADVISORY,
    types=GROUP_MANAGERS,
    parameters=(
        Parameter(
            name="minZones",
            description="How many zones the group must span at least.",
            default=2,
            minimum=1,
            stricter=Stricter.HIGHER,
        ),
        Parameter(
            name="allowedZones",
            description="Zones instances may stand in; all of the region's if empty.",
            default=(),
            stricter=Stricter.FEWER,
        ),
    ),
    look=_spread_over_zones,
)
MIG02 = StackRule(
    id="MIG02",
    title="The autoscaler alone sets the size",
    description="A group with an autoscaler must not have a target size, unless only to begin with: the two would fight over it.",
    remediation="Remove targetSize and set the autoscaler's minReplicas; or name targetSize in ignoreChanges, to begin with so many.",
    url=AUTOSCALER_PAGE,
    severity=HIGH,
    level=MANDATORY,
    types=GROUP_MANAGERS,
    look=_one_owner_of_the_size,
)
MIG03 = ResourceRule(
    id="MIG03",
    title="Updates keep capacity",
    description="Updates must add instances before they take any away, and wait until new ones have proven themselves.",
    remediation="Set maxUnavailableFixed 0, maxSurgeFixed to the number of zones or more, and minReadySec.",
    url=UPDATES_PAGE,
    severity=MEDIUM,
    level=ADVISORY,
    types=GROUP_MANAGERS,
    parameters=(
        Parameter(
            name="minReadySeconds",
            description="Seconds a new instance must have been running before the update goes on.",
            default=1,
            minimum=0,
            maximum=3600,
            stricter=Stricter.HIGHER,
        ),
    ),
    look=_updates_keep_capacity,
)
MIG04 = StackRule(
    id="MIG04",
    title="An autoscaled group keeps its zones even",
    description="An autoscaled regional group must have a shape the autoscaler works with, and redistribute (EVEN) itself.",
    remediation="Leave instanceRedistributionType PROACTIVE and the shape EVEN, or use BALANCED.",
    url=REGIONAL_PAGE,
    severity=MEDIUM,
    level=MANDATORY,
    types=frozenset({REGION_GROUP_MANAGER}),
    look=_redistributes,
)
MIG05 = ResourceRule(
    id="MIG05",
    title="The template can be replaced while in use",
    description="An instance template must be replaceable by one that is created beside it.",
    remediation="Use namePrefix, and no deleteBeforeReplace.",
    url=TEMPLATES_PAGE,
    severity=HIGH,
    level=MANDATORY,
    types=INSTANCE_TEMPLATES,
    look=_template_can_be_replaced,
)

RULES = (MIG01, MIG02, MIG03, MIG04, MIG05)
