"""Those of a group's instances that nothing has to be done for now: they are only counted. Pure.

A decision looks closely at the others, so that it costs what has changed, not what there is. Where it needs to choose among all (which of
them to remove, say), it asks for everyone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localcloud.control.member import Version
from localcloud.plans import standby

if TYPE_CHECKING:
    from localcloud.control.group import Group
    from localcloud.control.mig import Seen


class EveryoneNeeded(Exception):  # noqa: N818 - a question, not an error
    """The decision cannot be made by counts alone."""


@dataclass
class Crowd:
    """How many instances that are to run are left alone: in all, of them available, by zone, by version and by current action."""

    total: int = 0
    available: int = 0
    zones: Counter[str] = field(default_factory=Counter)
    versions: Counter[Version] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    pool: Counter[str] = field(
        default_factory=Counter
    )  # those at rest in the standby pool, by state; counted nowhere else

    def add(self, seen: Seen, count: int = 1) -> None:
        """Count one more; -1: one less."""
        member = seen.member
        if member.waiting:
            self.pool[member.target] += count
            return
        self.total += count
        self.available += count if member.action == "NONE" else 0
        self.zones[member.zone] += count
        self.versions[member.version] += count
        self.actions[member.action] += count


def quiet(group: Group, seen: Seen, now: float) -> bool:
    """Say whether an instance belongs to the crowd: as it should be and available, or on its way to that and waiting for its machine."""
    member = seen.member
    if (
        member.requested
        or member.retry_at > now
        or not seen.id
        or seen.id != member.instance_id
        or member.config != group.config_of(member.name)
        or not any(each.version == member.version for each in group.versions)
    ):
        return False
    if member.waiting:
        return (
            member.action == "NONE" and seen.status == standby.AT_REST[member.target] and seen.asked == "run"
        )
    if member.action == "NONE":
        return seen.status == "RUNNING" and member.available(
            checked=bool(group.check), now=now, ready_after=group.ready_after
        )
    if member.repairs or member.name in group.states:
        return False
    if member.action == "VERIFYING":
        return seen.status == "RUNNING" and bool(group.check) and member.health == "UNKNOWN"
    return member.action in {"CREATING", "RECREATING"} and seen.status in {"PROVISIONING", "STAGING"}
