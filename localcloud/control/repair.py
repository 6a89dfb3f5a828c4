"""Repair: which instances of a group are recreated under their own names, and why. Pure.

Two reasons: an instance that stopped or vanished without its group's doing (no health check needed), and one that its autohealing check
condemns. A crashed guest still counts as RUNNING: only a check finds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.control.actions import Recreate
from localcloud.control.health import condemned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localcloud.control.group import Group
    from localcloud.control.member import Member, Version
    from localcloud.control.mig import Seen

_STOPPED = {"TERMINATED", "STOPPED", "SUSPENDED"}
# An instance that ran this long without trouble starts over with its back-off.
_FORGIVEN_AFTER = 600.0


@dataclass(frozen=True, kw_only=True)
class Mending:
    """Repairs to begin now, and when the next one held back by its back-off is due."""

    actions: tuple[Recreate, ...] = ()
    look_again: float | None = None


def decide(group: Group, seen: Sequence[Seen], now: float) -> Mending:
    """Decide which repairs to begin.

    Health repairs under way stay below the size (one is always allowed), so a check that condemns everything at once does not take
    the whole group down; those that were repaired least go first, so that one hopeless instance does not starve the others.
    """
    if not group.repairs and not group.heals:
        return Mending()
    actions: list[Recreate] = []
    waiting: list[float] = []
    under_way = sum(1 for each in seen if _under_repair(each.member))
    budget = max(1, group.size - 1) - under_way
    for each in sorted(seen, key=lambda one: (one.member.repairs, one.member.health_since, one.member.name)):
        member = each.member
        if not member.settled and not _stopped_under_way(each):
            continue
        reason = _stopped(each) if group.repairs else ""
        sick = False
        if (
            not reason
            and group.heals
            and group.check
            and each.status == "RUNNING"
            and condemned(member.health)
        ):
            if not member.ever_healthy and now < member.running_at + group.initial_delay:
                waiting.append(member.running_at + group.initial_delay)
                continue
            sick = True
            reason = f"autohealing check says {member.health}"
        if not reason:
            continue
        when = due(member, now)
        if now < when:
            waiting.append(when)
            continue
        if sick:
            if budget <= 0:
                continue
            budget -= 1
        version = _repair_version(group, member)
        actions.append(Recreate(name=member.name, version=version, reason=reason, repair=True, drain=False))
    return Mending(actions=tuple(actions), look_again=min(waiting) if waiting else None)


def due(member: Member, now: float) -> float:
    """Return when an instance may be repaired again."""
    return member.repaired_at + backoff(_repairs(member, now))


def backoff(repairs: int) -> float:
    """Return how long after its last repair an instance may be repaired again, by the number of repairs since it last worked."""
    return 0.0 if repairs <= 0 else min(1800.0, 30.0 * 2.0 ** min(repairs - 1, 10))


def _repairs(member: Member, now: float) -> int:
    return (
        0
        if member.running_at and now - member.running_at > _FORGIVEN_AFTER and member.ever_healthy
        else member.repairs
    )


def _under_repair(member: Member) -> bool:
    """It is being recreated, or nobody knows yet what became of it; an update that comes meanwhile does not change that."""
    if member.repairs == 0:
        return False
    unknown = member.action in {"VERIFYING", "REFRESHING", "RESTARTING"} and not condemned(member.health)
    return member.action == "RECREATING" or unknown


def _stopped_under_way(each: Seen) -> bool:
    """Somebody stopped the instance before its group was done with making it: it would wait for ever.

    One that is being taken out of the standby pool is started again.
    """
    if each.member.action in {"STARTING", "RESUMING"}:
        return False
    return not each.member.leaving and each.id == each.member.instance_id != "" and each.status in _STOPPED


def _stopped(each: Seen) -> str:
    if not each.id:
        return "deleted outside its group"
    if each.id != each.member.instance_id:
        return "replaced outside its group"
    if each.status in _STOPPED:
        return f"{each.status} without its group's doing"
    return ""


def _repair_version(group: Group, member: Member) -> Version:
    """A repair restores what was there; only forceUpdateOnRepair brings the newest version."""
    if not group.update_on_repair or any(version == member.version for version, _ in group.wanted()):
        return member.version
    return (
        group.wanted()[0][0] if len(group.versions) == 1 else max(group.wanted(), key=lambda pair: pair[1])[0]
    )
