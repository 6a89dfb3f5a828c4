"""What instances keep when they are made anew: addresses (statefulPolicy) and metadata (per-instance configurations).

Names are kept by any recreation. Disks are named after their instance, so their names are kept too; their contents are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.control.links import relname
from localcloud.plans import per_instance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.control.execution import Look
    from localcloud.control.group import Group
    from localcloud.control.member import Member
    from localcloud.store import Document, Store

_DELETED = frozenset({per_instance.UNAPPLIED_DELETION, per_instance.DELETING})
_IN_THE_MAKING = frozenset({"CREATING", "RECREATING", "REFRESHING", "RESTARTING"})


def is_deleted(config: Document) -> bool:
    """Say whether a per-instance configuration is on its way out."""
    return config.get("status") in _DELETED


def preserved(group: Group, instance: Document) -> dict[str, Any]:
    """Return what the instance's record has to remember, so that the next one of its name has it: addresses by interface."""
    kept = {
        interface["name"]: {
            "address": interface["networkIP"],
            "subnetwork": relname(interface["subnetwork"]),
        }
        for interface in instance["networkInterfaces"]
        if interface["name"] in group.stateful_addresses
    }
    return {"internalIPs": kept} if kept else {}


def kept_addresses(group: Group, member: Member) -> dict[str, str]:
    """Return the addresses that an instance gets again, by interface."""
    kept: Mapping[str, Any] = member.preserved.get("internalIPs") or {}
    return {name: each["address"] for name, each in kept.items() if name in group.stateful_addresses}


def status(look: Look) -> dict[str, Any]:
    """Return the group's status.stateful."""
    group = look.group
    effective = all(_standing(look, name) == per_instance.EFFECTIVE for name in group.states)
    return {
        "hasStatefulConfig": group.stateful,
        "perInstanceConfigs": {"allEffective": effective and not group.forsaken},
    }


def note_configs(store: Store, look: Look) -> None:
    """Write down how far each per-instance configuration is; remove those that are undone or whose instance has left the group."""
    group = look.group
    for name in (*group.states, *group.forsaken):
        key = per_instance.key_of(group.key, name)
        document = store.get(key)
        if document is None:
            continue
        if not look.knows(name):
            if not store.keys("control/requests/"):  # which may ask for an instance of this name
                look.change.delete(key)
            continue
        standing = _standing(look, name)
        if name in group.forsaken:
            if standing == per_instance.EFFECTIVE:
                look.change.delete(key)
                continue
            standing = (
                per_instance.DELETING
                if standing == per_instance.APPLYING
                else per_instance.UNAPPLIED_DELETION
            )
        if document.get("status") != standing:
            look.change.put(key, {**document, "status": standing})


def _standing(look: Look, name: str) -> str:
    """Return how far an instance's own configuration is: those that were not looked at have it."""
    member = look.members.get(name)
    if member is None:
        return per_instance.EFFECTIVE if look.knows(name) else per_instance.UNAPPLIED
    if member.config != look.group.config_of(name) or not member.instance_id:
        return (
            per_instance.APPLYING
            if member.action in _IN_THE_MAKING - {"REFRESHING"}
            else per_instance.UNAPPLIED
        )
    return per_instance.APPLYING if member.action in _IN_THE_MAKING else per_instance.EFFECTIVE
