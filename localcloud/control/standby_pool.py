"""The standby pool of a group: instances that wait stopped or suspended, so that growing takes no boot. Pure.

An instance of the pool is made like any other, runs for the initial delay, and is brought down. With SCALE_OUT_POOL a group that is too
small takes from the pool first, and the pool is filled up again with new ones; with MANUAL only somebody who asks does. Nothing that
waits serves, so neither surge nor unavailability is counted here, and a proactive update makes outdated ones anew at once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.control import shape
from localcloud.control.actions import Action, Create, Delete, Recreate, Rest, Settle, Wake
from localcloud.control.crowd import Crowd, EveryoneNeeded
from localcloud.control.repair import due
from localcloud.plans import standby

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localcloud.control.group import Group
    from localcloud.control.member import Member, Version
    from localcloud.control.mig import Seen


@dataclass(frozen=True, kw_only=True)
class Pooling:
    """Changes to begin now. `reached`: all of the pool have a wanted version; `effective`: and their configuration."""

    actions: tuple[Action, ...] = ()
    look_again: float | None = None
    reached: bool = True
    effective: bool = True


def decide(
    group: Group,
    waiting: Sequence[Seen],
    serving: Sequence[Member],
    *,
    now: float,
    crowd: Crowd | None = None,
) -> Pooling:
    """Decide for the instances of the pool, on their way or there. `serving`: those that are to run, so far as they are not in the crowd.

    Raises EveryoneNeeded where somebody of the crowd has to be chosen.
    """
    if not waiting and not any(group.pool.values()) and not (crowd and crowd.pool.total()):
        return Pooling()
    return _Pool(group, waiting, serving, now=now, crowd=crowd or Crowd()).decide()


class _Pool:
    """One decision."""

    def __init__(
        self, group: Group, waiting: Sequence[Seen], serving: Sequence[Member], *, now: float, crowd: Crowd
    ) -> None:
        self._group, self._now, self._crowd = group, now, crowd
        self._serving = [member for member in serving if not member.leaving]
        self._waiting = [each for each in waiting if not each.member.leaving]
        self._known = [version for version, _ in group.wanted()]
        self._actions: list[Action] = []
        self._times: list[float] = []
        self._busy: set[str] = set()

    def decide(self) -> Pooling:
        """Grow from the pool, have the rest of it wait, then have as many as there should be."""
        if self._group.draws:
            self._draw()
        for each in self._waiting:
            self._move_on(each)
        for state in standby.SIZES:
            self._have(state, self._group.pool.get(state, 0))
        members = [each.member for each in self._waiting]
        return Pooling(
            actions=tuple(self._actions),
            look_again=min(self._times) if self._times else None,
            reached=all(member.version in self._known for member in members),
            effective=all(not self._stale(member) for member in members),
        )

    def _draw(self) -> None:
        """Take as many as the group is too small by: where fewest serve, and those that wait suspended first."""
        lacking = self._group.size - len(self._serving) - self._crowd.total
        if lacking <= 0:
            return
        if self._crowd.pool.total():
            raise EveryoneNeeded
        ready = [
            each for each in self._waiting if _rests(each) and each.member.zone not in self._group.zones_out
        ]
        per_zone = {zone: self._crowd.zones[zone] for zone in self._group.zones}
        for member in self._serving:
            per_zone[member.zone] = per_zone.get(member.zone, 0) + 1
        for _ in range(min(lacking, len(ready))):
            chosen = min(
                ready,
                key=lambda each: (
                    each.member.version not in self._known,
                    per_zone.get(each.member.zone, 0),
                    each.member.target != standby.SUSPENDED,
                    each.member.name,
                ),
            )
            ready.remove(chosen)
            self._waiting.remove(chosen)
            per_zone[chosen.member.zone] = per_zone.get(chosen.member.zone, 0) + 1
            self._actions.append(Wake(name=chosen.member.name))

    def _move_on(self, each: Seen) -> None:
        """Bring one of the pool to its rest, make it again where it is lost, and anew where it is outdated."""
        member = each.member
        if not each.id or each.id != member.instance_id:
            if member.action not in {"CREATING", "RECREATING"}:
                self._mend(member, "it is gone")
            return
        outdated = member.version not in self._known or self._stale(member)
        if outdated and self._group.proactive and self._group.most_disruptive == "REPLACE":
            reason = "an update of the standby pool"
            self._recreate(member, self._version(member), reason, repair=False)
        elif each.status == "RUNNING" and each.asked == "run":
            if member.standby_at <= self._now:
                self._actions.append(Rest(name=member.name))
            else:
                self._times.append(member.standby_at)
        elif _rests(each):
            if member.action != "NONE":
                self._actions.append(Settle(name=member.name, action="NONE"))
        elif each.status in standby.AT_REST.values() and each.asked == "run":
            self._mend(member, f"{each.status} in place of {member.target}")

    def _mend(self, member: Member, reason: str) -> None:
        when = due(member, self._now)
        if not self._group.repairs:
            return
        if when > self._now:
            self._times.append(when)
        else:
            self._recreate(member, member.version, reason, repair=True)

    def _recreate(self, member: Member, version: Version, reason: str, *, repair: bool) -> None:
        kind = "instance.recreate"
        self._busy.add(member.name)
        self._actions.append(
            Recreate(name=member.name, version=version, reason=reason, repair=repair, drain=False, kind=kind)
        )

    def _have(self, state: str, wanted: int) -> None:
        """Have so many of one state: who is one too many goes, the newest first."""
        members = [each.member for each in self._waiting if each.member.target == state]
        count = len(members) + self._crowd.pool[state]
        if count > wanted:
            if self._crowd.pool[state]:
                raise EveryoneNeeded
            members.sort(key=lambda member: (member.action == "NONE", -member.created_at, member.name))
            for member in members[: count - wanted]:
                self._actions = [
                    action for action in self._actions if getattr(action, "name", "") != member.name
                ]
                reason = f"{wanted} are to wait {state}"
                self._actions.append(Delete(name=member.name, reason=reason, drain=False))
        for _ in range(wanted - count):
            per_zone = Counter(each.member.zone for each in self._waiting)
            per_zone.update(action.zone for action in self._actions if isinstance(action, Create))
            zone = shape.zone_for_one_more(self._group, per_zone)
            self._actions.append(Create(zone=zone, version=self._known[-1], target=state))

    def _stale(self, member: Member) -> bool:
        return bool(member.instance_id) and member.config != self._group.config_of(member.name)

    def _version(self, member: Member) -> Version:
        return member.version if member.version in self._known else self._known[-1]


def _rests(each: Seen) -> bool:
    """Say whether an instance waits as it should."""
    return each.status == standby.AT_REST[each.member.target] and each.asked == "run"
