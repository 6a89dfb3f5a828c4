"""The managed instance group's decision: from what is specified and what is seen to what is to be done now. Pure.

Order matters: what is under way is moved on, what broke is repaired, then the size, then the version. Each look decides afresh from
the records alone, so a newer specification supersedes an unfinished rollout and a restart of the daemon loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.control import repair, rollout, standby_pool
from localcloud.control.actions import Action, Create, Delete, Forget, Make, Settle, Wake
from localcloud.control.member import Member, Version
from localcloud.plans import standby

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from localcloud.control.crowd import Crowd
    from localcloud.control.group import Group

_ACTION_NAMES = {
    "NONE": "none",
    "CREATING": "creating",
    "CREATING_WITHOUT_RETRIES": "creatingWithoutRetries",
    "RECREATING": "recreating",
    "DELETING": "deleting",
    "ABANDONING": "abandoning",
    "RESTARTING": "restarting",
    "REFRESHING": "refreshing",
    "VERIFYING": "verifying",
    "STARTING": "starting",
    "STOPPING": "stopping",
    "SUSPENDING": "suspending",
    "RESUMING": "resuming",
}
# At most this many changes per group and look; the rest follow at the next one, so one huge group cannot starve the others.
BOUND = 100


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A managed instance with what is observed of it: its document's status and numeric id, both empty if there is none.

    `asked`: for one of the standby pool, what is wanted of its machine (an intent).
    """

    member: Member
    status: str = ""
    id: str = ""
    asked: str = ""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do now, when to look again if nothing happens before, and how the group stands.

    `reached`: all instances at their target versions; `effective`: and at the all-instances configuration; `pending`: a proactive
    update has something left to do.
    """

    actions: tuple[Action, ...] = ()
    look_again: float | None = None
    reached: bool = True
    effective: bool = True
    pending: bool = False


def decide(
    group: Group,
    seen: Sequence[Seen],
    now: float,
    needs: Callable[[Version, Version], str],
    crowd: Crowd | None = None,
) -> Decision:
    """Decide for one group. `needs(old, new)` is the least disruptive action that turns an instance of one version into another's.

    `crowd`: the instances that are not among those seen because nothing has to be done for them. Raises EveryoneNeeded where something has.
    """
    if group.deleting:
        return _dissolve(seen)
    progress: list[Action] = []
    steady: list[Seen] = []
    waiting: list[Seen] = []
    for each in seen:
        action = _progress(group, each, now)
        if action is not None:
            progress.append(action)
        if not isinstance(action, Forget):
            (waiting if each.member.waiting else steady).append(each)
    mending = repair.decide(group, steady, now)
    pool = standby_pool.decide(group, waiting, [each.member for each in steady], now=now, crowd=crowd)
    woken = {action.name for action in pool.actions if isinstance(action, Wake)}
    serving = [each.member for each in steady]
    serving += [each.member.woken(now) for each in waiting if each.member.name in woken]
    busy = {
        action.name
        for action in (*progress, *mending.actions, *pool.actions)
        if not isinstance(action, Settle | Create)
    }
    rolling = rollout.decide(group, serving, busy, now=now, needs=needs, crowd=crowd)
    actions = (*progress, *mending.actions, *pool.actions, *rolling.actions)
    times = [when for when in (mending.look_again, pool.look_again, rolling.look_again) if when is not None]
    times.extend(each.member.retry_at for each in steady if each.member.retry_at > now)
    if len(actions) > BOUND:
        times.append(now)
    return Decision(
        actions=actions[:BOUND],
        look_again=min(times) if times else None,
        reached=rolling.reached and pool.reached,
        effective=rolling.effective and pool.effective,
        pending=rolling.pending,
    )


def current_actions(members: Sequence[Member], crowd: Mapping[str, int]) -> Mapping[str, int]:
    """Count the group's instances by current action, with Google's names and zeros included; `crowd` counts those not listed."""
    counts = {name: crowd.get(action, 0) for action, name in _ACTION_NAMES.items()}
    for member in members:
        counts[_ACTION_NAMES[member.action]] += 1
    return counts


def _dissolve(seen: Sequence[Seen]) -> Decision:
    actions: list[Action] = []
    for each in seen:
        if not each.id:
            actions.append(Forget(name=each.member.name))
        elif each.member.action != "DELETING":
            actions.append(Delete(name=each.member.name, reason="the group is being deleted", drain=False))
    return Decision(actions=tuple(actions), reached=False)


def _progress(group: Group, each: Seen, now: float) -> Action | None:
    """Move one instance's current action on, if the world has."""
    member = each.member
    match member.action:
        case "DELETING":
            return None if each.id else Forget(name=member.name)
        case "ABANDONING":
            return Forget(name=member.name)
        case "CREATING" | "RECREATING" | "RESTARTING" | "REFRESHING" | "STARTING" | "RESUMING":
            if not each.id:
                return Make(name=member.name) if now >= member.retry_at else None
            if member.waiting:
                return None
            if member.action in {"STARTING", "RESUMING"} and each.status in standby.AT_REST.values():
                return Wake(name=member.name)
            if (
                each.id == member.instance_id
                and each.status == "RUNNING"
                and member.instance_status == "RUNNING"
            ):
                verify = bool(group.check) and not (
                    member.action == "REFRESHING" and member.health == "HEALTHY"
                )
                return Settle(name=member.name, action="VERIFYING" if verify else "NONE")
            return None
        case "VERIFYING" if not member.waiting:
            if not group.check or member.health == "HEALTHY":
                return Settle(name=member.name, action="NONE")
            return None
        case _:
            return None
