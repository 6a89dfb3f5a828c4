"""How far a stateful group's instances have what they are to keep; what that is, is in `preserving`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.plans import per_instance

if TYPE_CHECKING:
    from localcloud.control.look import Look
    from localcloud.store import Document, Store

_DELETED = frozenset({per_instance.UNAPPLIED_DELETION, per_instance.DELETING})
_IN_THE_MAKING = frozenset({"CREATING", "RECREATING", "REFRESHING", "RESTARTING"})


def is_deleted(config: Document) -> bool:
    """Say whether a per-instance configuration is on its way out."""
    return config.get("status") in _DELETED


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
