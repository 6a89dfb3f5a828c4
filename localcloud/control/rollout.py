"""Size and version: which instances a group adds, removes and updates, within maxSurge and maxUnavailable. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.control import preserving, shape
from localcloud.control.actions import Action, Create, Delete, Recreate, Refresh, Restart
from localcloud.control.crowd import Crowd, EveryoneNeeded
from localcloud.control.member import Member, Version
from localcloud.control.victims import victims
from localcloud.plans.disruption import allowed, more_disruptive

if TYPE_CHECKING:
    from localcloud.control.group import Group

Needs = Callable[[Version, Version], str]


@dataclass(frozen=True, kw_only=True)
class Rolling:
    """Changes to begin now. `reached`: every instance has its target version; `effective`: and the all-instances configuration."""

    actions: tuple[Action, ...] = ()
    look_again: float | None = None
    reached: bool = True
    effective: bool = True
    pending: bool = False


def decide(
    group: Group,
    members: Sequence[Member],
    busy: set[str],
    *,
    now: float,
    needs: Needs,
    crowd: Crowd | None = None,
) -> Rolling:
    """Decide sizes and versions. `busy` are the instances that something else was decided for in this look; `crowd` those not listed.

    Raises EveryoneNeeded where the crowd has to be looked at too.
    """
    return _Rollout(group, members, busy, now=now, needs=needs, crowd=crowd or Crowd()).decide()


class _Rollout:
    """One decision; the counts go down as actions are chosen."""

    def __init__(
        self,
        group: Group,
        members: Sequence[Member],
        busy: set[str],
        *,
        now: float,
        needs: Needs,
        crowd: Crowd,
    ) -> None:
        self._group, self._now, self._needs, self._crowd = group, now, needs, crowd
        self._busy = set(busy)
        self._going = sum(1 for member in members if member.leaving and member.replaced)
        self._live = [member for member in members if not member.leaving]
        self._actions: list[Action] = []
        self._deficit: dict[Version, int] = {}
        self._outdated: list[Member] = []
        self._misplaced: Member | None = None

    def _count(self) -> int:
        """Return how many instances stay."""
        return len(self._live) + self._crowd.total

    def _zones(self) -> dict[str, int]:
        """Return how many instances are in each zone."""
        per_zone = dict.fromkeys(self._group.zones, 0)
        for zone, count in self._crowd.zones.items():
            per_zone[zone] = per_zone.get(zone, 0) + count
        for member in self._live:
            per_zone[member.zone] = per_zone.get(member.zone, 0) + 1
        return per_zone

    def _need_everyone(self) -> None:
        if self._crowd.total:
            raise EveryoneNeeded

    def decide(self) -> Rolling:
        group = self._group
        self._assign()
        mismatched = [member for member in self._outdated if self._target(member) is not None]
        stale = [member for member in self._live if self._is_stale(member)]
        requested = [member for member in self._live if member.requested and member.name not in self._busy]
        self._apply_requests(requested)
        proactive = self._updatable() if group.proactive else []
        surplus = self._count() - group.size - (group.surge if proactive else 0)
        if surplus > 0:
            self._need_everyone()
            self._shrink(surplus, f"the group's size is {group.size}")
            proactive = [member for member in proactive if member in self._live]
        if self._count() < group.size:
            room = group.size + group.surge - self._count() - self._going
            self._grow(max(0, min(room, group.size - self._count())))
        if proactive:
            self._update(proactive)
        waiting = [
            member.healthy_at + group.ready_after
            for member in self._live
            if group.ready_after and member.ever_healthy and member.healthy_at + group.ready_after > self._now
        ]
        return Rolling(
            actions=tuple(self._actions),
            look_again=min(waiting) if waiting else None,
            reached=not mismatched,
            effective=not stale,
            pending=bool(proactive),
        )

    def _assign(self) -> None:
        """Find for each instance whether the version it has is one that is wanted; note what each version still lacks."""
        by_version: dict[Version, list[Member]] = {}
        for member in self._live:
            by_version.setdefault(member.version, []).append(member)
        wanted = self._group.wanted()
        for version, count in wanted:
            having = by_version.pop(version, [])
            number = len(having) + self._crowd.versions[version]
            self._deficit[version] = max(0, count - number)
            if len(wanted) > 1 and number > count:
                self._need_everyone()
                self._outdated.extend(self._excess(having, len(having) - count))
        for members in by_version.values():
            self._outdated.extend(members)
        self._outdated.sort(key=lambda member: (self._available(member), member.created_at, member.name))

    def _excess(self, members: Sequence[Member], count: int) -> list[Member]:
        """Choose those that a version has too many: such as are replaced anyway before those that were made in their place."""
        stale = [member for member in members if self._is_stale(member)]
        others = [member for member in members if not self._is_stale(member)]
        even = shape.is_even(self._group)
        first = victims(stale, count, set(), self._live, even=even)
        return first + victims(others, count - len(first), set(), self._live, even=even)

    def _target(self, member: Member) -> Version | None:
        """Return the version that an outdated instance should get: the one that lacks most (None: it is in excess of all)."""
        lacking = [(count, version) for version, count in self._deficit.items() if count > 0]
        if lacking:
            return max(lacking, key=lambda pair: pair[0])[1]
        known = [version for version, _ in self._group.wanted()]
        return None if member.version in known else known[0]

    def _level(self, member: Member, version: Version, minimal: str) -> str:
        """Return the action that updating this instance takes."""
        if member.version == version and not self._is_stale(member):
            return minimal
        required = "NONE"
        if member.version != version:  # if only by name: the instance is told so
            required = more_disruptive("REFRESH", self._needs(member.version, version))
        if self._is_stale(member):
            required = more_disruptive(
                more_disruptive(required, "REFRESH"), preserving.needed(self._group, member)
            )
        return more_disruptive(required, minimal)

    def _is_stale(self, member: Member) -> bool:
        return member.config != self._group.config_of(member.name)

    def _updatable(self) -> list[Member]:
        """Return what a proactive update must touch: old versions, stale configuration, an instance in an overfull zone."""
        found = []
        for member in self._outdated:
            version = self._target(member) or member.version
            if allowed(self._level(member, version, self._group.minimal_action), self._group.most_disruptive):
                found.append(member)
        for member in self._live:
            if self._is_stale(member) and member not in found:
                level = self._level(member, member.version, self._group.minimal_action)
                if allowed(level, self._group.most_disruptive):
                    found.append(member)
        if not found and self._group.redistribute and self._count() >= self._group.size:
            self._misplaced = self._find_misplaced()
            if self._misplaced:
                found.append(self._misplaced)
                self._deficit[self._misplaced.version] += 1  # its substitute is of the same version
        return found

    def _find_misplaced(self) -> Member | None:
        per_zone = self._zones()
        fullest = max(per_zone, key=lambda zone: per_zone[zone])
        if per_zone[fullest] - min(per_zone.values()) <= 1:
            return None
        self._need_everyone()
        # Only of a wanted version: nothing is outdated when this is asked.
        candidates = [
            member for member in self._live if member.zone == fullest and member.version in self._deficit
        ]
        return max(candidates, key=lambda member: (member.created_at, member.name), default=None)

    def _available(self, member: Member) -> bool:
        return member.name not in self._busy and member.available(
            checked=bool(self._group.check), now=self._now, ready_after=self._group.ready_after
        )

    def _shrink(self, count: int, reason: str) -> None:
        outdated = {member.name for member in self._outdated}
        for victim in victims(self._live, count, outdated, even=shape.is_even(self._group)):
            self._remove(victim, reason)

    def _remove(self, member: Member, reason: str, *, replaced: bool = False) -> None:
        self._actions.append(Delete(name=member.name, reason=reason, replaced=replaced))
        self._live.remove(member)
        self._busy.add(member.name)

    def _grow(self, count: int, avoid: str = "") -> None:
        per_zone = self._zones()
        for action in self._actions:
            if isinstance(action, Create):
                per_zone[action.zone] += 1
        for _ in range(count):
            zone = shape.zone_for_one_more(self._group, per_zone, avoid)
            per_zone[zone] += 1
            self._actions.append(Create(zone=zone, version=self._next_version()))

    def _next_version(self) -> Version:
        version = max(self._deficit, key=lambda each: self._deficit[each])
        self._deficit[version] -= 1
        return version

    def _apply_requests(self, requested: Sequence[Member]) -> None:
        """Carry out applyUpdatesToInstances: these instances, now, whatever the policy's limits."""
        for member in requested:
            version = self._target(member) if member in self._outdated else member.version
            version = version or member.version
            level = self._level(member, version, member.requested)
            if allowed(level, member.allowed):
                self._change(member, version, level)

    def _update(self, members: Sequence[Member]) -> None:
        """Move a proactive update on within surge and unavailability."""
        group = self._group
        budget = sum(1 for member in self._live if self._available(member)) + self._crowd.available
        budget -= group.size - group.unavailable
        replaced = []
        for member in members:
            if member.name in self._busy or member.action == "RECREATING" or member.retry_at > self._now:
                continue
            version = (self._target(member) if member in self._outdated else None) or member.version
            level = self._level(member, version, group.minimal_action)
            substitute = (level == "REPLACE" and not group.recreate) or member is self._misplaced
            # One too many of a wanted version, where no version lacks any: nothing that is done to it would make it wanted.
            if substitute or (member in self._outdated and self._target(member) is None):
                replaced.append(member)
                continue
            if level == "REFRESH":
                self._change(member, version, level)
            elif not self._available(member) or budget > 0:
                budget -= self._available(member)
                self._change(member, version, level)
        if replaced:
            self._substitute(replaced, budget)

    def _substitute(self, replaced: Sequence[Member], budget: int) -> None:
        group = self._group
        creating = sum(1 for action in self._actions if isinstance(action, Create))
        current = self._count() - len(replaced) + creating
        # What exists counts against the surge, instances on their way out too: a quota does not know the difference.
        room = group.size + group.surge - self._count() - self._going - creating
        new = max(0, min(room, group.size - current))
        if new:
            self._grow(new, avoid=self._misplaced.zone if self._misplaced else "")
        for member in replaced:
            available = self._available(member)
            if available and budget <= 0:
                continue
            budget -= available
            why = "replaced by an update" if member is not self._misplaced else "its zone has too many"
            self._remove(member, why, replaced=True)

    def _change(self, member: Member, version: Version, level: str) -> None:
        if version in self._deficit and version != member.version:
            self._deficit[version] -= 1
        self._busy.add(member.name)
        if level == "REPLACE":
            self._actions.append(
                Recreate(
                    name=member.name,
                    version=version,
                    reason="update",
                    repair=False,
                    drain=True,
                    kind="instance.recreate",
                )
            )
        elif level == "RESTART":
            self._actions.append(Restart(name=member.name, version=version, reason="update"))
        elif level == "REFRESH":
            self._actions.append(Refresh(name=member.name, version=version))
