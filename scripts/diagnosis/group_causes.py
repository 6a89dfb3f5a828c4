"""The group as a whole: its size, its autoscaler, its template, its repairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.diagnosis.finding import Finding
from scripts.diagnosis.script_causes import names

if TYPE_CHECKING:
    from scripts.diagnosis.facts import Autoscaler, Facts

CAPPED = "CAPPED_AT_MAX_NUM_REPLICAS"
_SYMPTOMS = frozenset({"ALL_INSTANCES_UNHEALTHY"})  # of what is told by its cause


def found(facts: Facts) -> list[Finding]:
    """Return what is wrong with the group, apart from its instances."""
    scaler = facts.autoscaler
    return [
        *_creation(facts),
        *_size(facts),
        *(
            []
            if scaler is None
            else [*_failed(facts, scaler), *_capped(facts, scaler), *_limited(facts, scaler)]
        ),
        *_template(facts),
        *_repair(facts),
    ]


def _creation(facts: Facts) -> list[Finding]:
    hit = [one for one in facts.instances if one.errors and one.status != "RUNNING"]
    said = tuple(f"{one.name}: {text}" for one in hit for text in one.errors)
    if not said and len(facts.instances) < facts.group.target:
        said = facts.group.errors[:5]
    if not said:
        return []
    return [
        Finding(
            code="instance-creation-failed",
            severity="error",
            subject=facts.group.name,
            what=f"instances cannot be made: {said[0]}",
            consequence=f"the group stays below its target of {facts.group.target}",
            mend=f"gcloud compute instance-groups managed list-errors {facts.group.name} {facts.group.place} "
            f"--project={facts.group.project}",
            evidence=said,
        )
    ]


def _size(facts: Facts) -> list[Finding]:
    leaving = [one for one in facts.instances if one.action in {"DELETING", "ABANDONING"}]
    there = len(facts.instances) - len(leaving)
    if there == facts.group.target and not leaving:
        return []
    return [
        Finding(
            code="group-size-differs",
            severity="warning",
            subject=facts.group.name,
            what=f"{there} instances are there{f' and {len(leaving)} are leaving' if leaving else ''}, {facts.group.target} are wanted",
            consequence="the group is changing"
            if not facts.group.stable
            else "capacity is not what was asked for",
            mend=f"gcloud compute instance-groups managed wait-until {facts.group.name} {facts.group.place} --stable "
            f"--project={facts.group.project}",
        )
    ]


def _failed(facts: Facts, scaler: Autoscaler) -> list[Finding]:
    if scaler.status != "ERROR":
        return []
    return [
        Finding(
            code="autoscaler-failed",
            severity="error",
            subject=scaler.name,
            what=f"the autoscaler is in error: {'; '.join(f'{kind}: {text}' for kind, text in scaler.details) or 'it does not say why'}",
            consequence="the group keeps its size whatever the load is",
            mend=f"gcloud compute instance-groups managed describe {facts.group.name} {facts.group.place} --project={facts.group.project}",
        )
    ]


def _capped(facts: Facts, scaler: Autoscaler) -> list[Finding]:
    above = scaler.recommended is not None and scaler.recommended > scaler.largest
    if not above and CAPPED not in {kind for kind, _ in scaler.details}:
        return []
    return [
        Finding(
            code="autoscaler-at-max",
            severity="warning",
            subject=scaler.name,
            what=f"the autoscaler wants more than the {scaler.largest} instances it may have at most (recommends {scaler.recommended})",
            consequence="the load is more than the group may grow for: instances run above their target utilisation",
            mend="raise max_replicas (mig-nlb:autoscaler in the stack's file), then: pulumi up  # at once: gcloud compute "
            f"instance-groups managed update-autoscaling {facts.group.name} {facts.group.place} --max-num-replicas={2 * scaler.largest} "
            f"--project={facts.group.project}",
            evidence=tuple(f"{kind}: {text}" for kind, text in scaler.details),
        )
    ]


def _limited(facts: Facts, scaler: Autoscaler) -> list[Finding]:
    said = [(kind, text) for kind, text in scaler.details if kind not in {CAPPED, *_SYMPTOMS}]
    if not said or scaler.status == "ERROR":
        return []
    return [
        Finding(
            code="autoscaler-limited",
            severity="note",
            subject=scaler.name,
            what="; ".join(f"{kind}: {text}" for kind, text in said),
            consequence=f"the size moves only as far as mode {scaler.mode} and {scaler.smallest} to {scaler.largest} instances allow",
            mend=f"mig-nlb:autoscaler in the stack's file, then: pulumi up  # the group is {facts.group.name}",
        )
    ]


def _template(facts: Facts) -> list[Finding]:
    old = [one for one in facts.instances if one.template and one.template not in facts.group.templates]
    if not old:
        return []
    rolling = facts.group.update_type == "PROACTIVE"
    used = sorted({one.template for one in old})
    return [
        Finding(
            code="template-not-rolled",
            severity="warning",
            subject=facts.group.name,
            what=f"{names(old)} run{'s' if len(old) == 1 else ''} {', '.join(used)}; wanted is {', '.join(facts.group.templates)}"
            + (" (the update is rolling)" if rolling else " (the update policy is OPPORTUNISTIC)"),
            consequence="the update goes on as fast as surge, unavailability and health allow"
            if rolling
            else "they keep the old script and settings until something else replaces them",
            mend=f"gcloud compute instance-groups managed {'wait-until' if rolling else 'update-instances'} {facts.group.name} "
            f"{facts.group.place} "
            + (
                "--version-target-reached"
                if rolling
                else f"--instances={','.join(one.name for one in old)} --minimal-action=replace"
            )
            + f" --project={facts.group.project}",
        )
    ]


def _repair(facts: Facts) -> list[Finding]:
    if facts.group.heals:
        return []
    return [
        Finding(
            code="repair-off",
            severity="note",
            subject=facts.group.name,
            what="the group does not recreate instances that fail autohealing's check",
            consequence="an instance that hangs stays as it is, without traffic",
            mend="mig-nlb:repair in the stack's file, then: pulumi up",
        )
    ]
