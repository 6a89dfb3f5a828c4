"""Those of a group's instances that nothing has to be done for: they are only counted. Pure.

A decision looks closely at the others, so that it costs what has changed, not what there is. Where it needs to choose among all (which of
them to remove, say), it asks for everyone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localcloud.control.member import Version

if TYPE_CHECKING:
    from localcloud.control.group import Group
    from localcloud.control.mig import Seen


class EveryoneNeeded(Exception):  # noqa: N818 - a question, not an error
    """The decision cannot be made by counts alone."""


@dataclass
class Crowd:
    """How many instances are served, up to date and left alone: in all, by zone and by version."""

    total: int = 0
    zones: Counter[str] = field(default_factory=Counter)
    versions: Counter[Version] = field(default_factory=Counter)

    def add(self, seen: Seen) -> None:
        """Count one more."""
        self.total += 1
        self.zones[seen.member.zone] += 1
        self.versions[seen.member.version] += 1

    def remove(self, seen: Seen) -> None:
        """Count one less."""
        self.total -= 1
        self.zones[seen.member.zone] -= 1
        self.versions[seen.member.version] -= 1


def quiet(group: Group, seen: Seen, now: float) -> bool:
    """Say whether an instance belongs to the crowd: available, at a wanted version and configuration, with nothing asked of it."""
    member = seen.member
    return (
        member.action == "NONE"
        and not member.requested
        and member.retry_at <= now
        and seen.status == "RUNNING"
        and seen.id == member.instance_id
        and member.config == group.config_of(member.name)
        and any(each.version == member.version for each in group.versions)
        and member.available(checked=bool(group.check), now=now, ready_after=group.ready_after)
    )
