"""A managed group's members as requests name them and answers show them; the controllers keep the records of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api import errors
from localcloud.api.compute.draft import pruned
from localcloud.api.compute.references import referenced
from localcloud.api.links import last, link
from localcloud.plans import per_instance
from localcloud.plans.disruption import LEVELS, disruption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localcloud.api.compute.draft import Draft
    from localcloud.store import Document

_MOST = 1000  # instances in one call


def refuse_deleting(draft: Draft) -> None:
    """Refuse what is asked of a group that is on its way out."""
    if draft.cloud.store.get(f"control/deleting/{draft.relname}") is not None:
        raise errors.not_ready(draft.relname)


def is_member(draft: Draft, name: str) -> bool:
    """Tell whether the group has an instance of this name."""
    return draft.cloud.store.get(f"control/managed/{draft.relname}/{name}") is not None


def instance_named(draft: Draft, name: str) -> str | None:
    """Return the relative name of an instance of this name in a zone that the group may use, abandoned ones too, or None."""
    for zone, region in draft.cloud.settings.zones.items():
        if draft.location in {zone, region}:
            relname = f"projects/{draft.project}/zones/{zone}/instances/{name}"
            if draft.cloud.store.get(f"compute/{relname}") is not None:
                return relname
    return None


def member_names(draft: Draft) -> list[str]:
    """Return the names of the group's instances."""
    return [record["name"] for _, record in draft.cloud.store.scan(f"control/managed/{draft.relname}/")]


def named(draft: Draft, given: Sequence[str] | None) -> list[str]:
    """Return the names of the members that a request lists by name or link, each once; refuses what is no member."""
    if not given:
        raise errors.required("instances")
    if len(given) > _MOST:
        rule = f"At most {_MOST} can be named in one call."
        raise errors.invalid("instances", f"{len(given)} instances", rule)
    names = []
    for index, reference in enumerate(given):
        name = last(reference)
        if not is_member(draft, name):
            rule = f"The instance is not a member of {draft.relname}."
            raise errors.invalid(f"instances[{index}]", reference, rule)
        if name not in names:
            names.append(name)
    return names


def least_action(draft: Draft, name: str) -> str:
    """Return the least disruptive action that brings a member to a version that its group has now."""
    record = draft.cloud.store.get(f"control/managed/{draft.relname}/{name}") or {}
    version = record.get("version") or {}
    wanted = draft.document["versions"]
    template = version.get("instanceTemplate")
    mine = referenced(draft.cloud.store, template) if template else None
    levels = [
        "NONE" if found is mine else "REPLACE" if mine is None or found is None
        else disruption(mine["properties"], found["properties"])
        for found in (referenced(draft.cloud.store, each["instanceTemplate"]) for each in wanted)
    ]  # fmt: skip
    return min(levels, key=LEVELS.index)


def rendered(draft: Draft, record: Document) -> dict[str, Any]:
    """Return a record as Google lists it; `id` and `instanceStatus` are missing while there is no instance."""
    store = draft.cloud.store
    key: str = record["instance"]
    instance = store.get(key)
    version = record.get("version") or {}
    template = version.get("instanceTemplate", "")
    config = store.get(per_instance.key_of(draft.relname, record["name"])) or {}
    kept = config.get("status") in (per_instance.EFFECTIVE, per_instance.UNAPPLIED_DELETION)
    entry: dict[str, Any] = {
        "instance": link(key.removeprefix("compute/")),
        "name": record["name"],
        "currentAction": record["currentAction"],
        "targetStatus": record.get("targetStatus"),
        "version": {
            "name": version.get("name") or None,
            "instanceTemplate": link(template) if template.startswith("projects/") else template,
        },
        "lastAttempt": record.get("lastAttempt"),
        "preservedStateFromConfig": config.get("preservedState") if kept else None,
        "preservedStateFromPolicy": record.get("preservedStateFromPolicy"),
    }
    if instance is not None:
        policies = draft.document.get("autoHealingPolicies") or [{}]
        check = policies[0].get("healthCheck", "")
        entry["id"] = instance["id"]
        entry["instanceStatus"] = instance["status"]
        health = record.get("health")
        if health and check:
            entry["instanceHealth"] = [{"healthCheck": check, "detailedHealthState": health}]
    result: dict[str, Any] = pruned(entry)
    return result
