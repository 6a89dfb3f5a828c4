"""A group's status: whether it is stable, whether it is as it should be, and what is being done to how many of its instances."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from localcloud.control import mig, stateful
from localcloud.control.actions import Forget, Settle
from localcloud.control.links import relname, url
from localcloud.plans import sizes, standby
from localcloud.store import Document, Event, Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.control.crowd import Crowd
    from localcloud.control.look import Look


def write(store: Store, look: Look, document: Document, decision: mig.Decision, *, crowd: Crowd) -> None:
    """Write the group's status if it differs. `crowd`: the instances that were not looked at."""
    group, members = look.group, list(look.members.values())
    doing = any(not isinstance(action, Settle | Forget) for action in decision.actions)
    stable = (
        not group.deleting
        and not doing
        and not decision.pending
        and sum(not member.waiting for member in members) + crowd.total == group.size
        and all(
            sum(member.target == state for member in members) + crowd.pool[state] == group.pool.get(state, 0)
            for state in standby.SIZES
        )
        and crowd.total == crowd.actions["NONE"]
        and all(member.action == "NONE" for member in members)
    )
    before: Mapping[str, Any] = document.get("status") or {}
    status = {
        **before,
        "stateful": stateful.status(look),
        "isStable": stable,
        "versionTarget": {"isReached": decision.reached},
        "allInstancesConfig": {
            **(before.get("allInstancesConfig") or {}),
            "effective": decision.effective,
        },
    }
    status.pop("autoscaler", None)
    if autoscaler := autoscaler_of(store, group.key):
        status["autoscaler"] = url(autoscaler)
    actions = mig.current_actions(members, crowd.actions + Counter(NONE=crowd.pool.total()))
    updated = {**_in_instances(document), "status": status, "currentActions": actions}
    if updated != document:
        look.change.put("compute/" + group.key, updated)
    if stable and not before.get("isStable") and before:
        text = f"{group.size} instances, none of them undergoing a change"
        look.change.event(
            Event(look.now, "group.stable", group.name, text, {"group": group.key, "size": group.size})
        )


def _in_instances(document: Document) -> Document:
    """Return the group with what it says in percent, and its versions' shares, as numbers of instances: they follow its size."""
    size = int(document.get("targetSize") or 0)
    found = dict(document)
    update: Mapping[str, Any] = document.get("updatePolicy") or {}
    changed = {
        name: {**value, "calculated": sizes.limit(value, size, 0)}
        for name in ("maxSurge", "maxUnavailable")
        if (value := update.get(name)) and value.get("percent") is not None
    }
    if changed:
        found["updatePolicy"] = {**update, **changed}
    if any(version.get("targetSize") for version in document.get("versions") or ()):
        found["versions"] = [
            {**version, "targetSize": {**given, "calculated": sizes.share(given, size)}}
            if (given := version.get("targetSize"))
            else version
            for version in document["versions"]
        ]
    return found


def autoscaler_of(store: Store, group: str) -> str:
    """Return the relative name of the autoscaler whose target is this group; empty if it has none."""
    parent = f"compute/{'/'.join(group.split('/')[:4])}/autoscalers/"
    for key, document in store.scan(parent):
        if relname(document.get("target", ""), group) == group:
            return key.removeprefix("compute/")
    return ""
