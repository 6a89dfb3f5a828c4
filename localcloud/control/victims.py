"""Which instances go when a group shrinks. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from localcloud.control.health import condemned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localcloud.control.member import Member


def victims(
    members: Sequence[Member],
    count: int,
    outdated: set[str],
    crowd: Sequence[Member] = (),
    *,
    even: bool = True,
) -> list[Member]:
    """Choose what to remove when shrinking: keep zones even; within a zone first what runs not, is sick, is old; then the youngest.

    `crowd`: all instances of the group, where only some of them may be chosen; zones are kept even among
    all. Not `even`: zones do not matter.
    """
    left = list(members)
    per_zone = Counter(member.zone for member in crowd or members)
    chosen: list[Member] = []
    for _ in range(min(count, len(left))):
        victim = max(
            left,
            key=lambda member: (
                per_zone[member.zone] if even else 0,
                member.instance_status != "RUNNING",
                condemned(member.health),
                member.name in outdated,
                member.action != "NONE",
                member.created_at,
                member.name,
            ),
        )
        left.remove(victim)
        per_zone[victim.zone] -= 1
        chosen.append(victim)
    return chosen
