"""Which autoscaler belongs to which group, and over how many zones a group spreads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mig_policies.tokens import AUTOSCALERS, GROUP_MANAGER, GROUP_MANAGERS
from mig_policies.values import Undetermined

if TYPE_CHECKING:
    from mig_policies.resource import Resource
    from mig_policies.stack import Stack

DEFAULT_ZONES: Final = 3  # Google picks three zones of the region where none are named


def zone_count(group: Resource) -> int:
    """Return how many zones a group's instances stand in."""
    if group.type == GROUP_MANAGER:
        return 1
    return len(group.props.texts("distributionPolicyZones")) or DEFAULT_ZONES


def group_of(autoscaler: Resource, stack: Stack) -> Resource | None:
    """Return the group an autoscaler scales, `None` if that is outside the stack.

    Raises:
        Undetermined: its target is unknown and no group of the stack is its source.
    """
    found = stack.follow(autoscaler, "target", autoscaler.props.raw("target"), GROUP_MANAGERS)
    return stack.by_urn.get(getattr(found, "urn", ""))


def autoscalers_of(group: Resource, stack: Stack) -> list[Resource]:
    """Return the autoscalers of a group.

    Raises:
        Undetermined: none is certain, and one may be.
    """
    by_group, doubts = stack.derive(_autoscalers_by_group)
    found = by_group.get(group.urn, [])
    if doubts and not found:
        raise doubts[0]
    return found


def _autoscalers_by_group(stack: Stack) -> tuple[dict[str, list[Resource]], list[Undetermined]]:
    by_group: dict[str, list[Resource]] = {}
    doubts: list[Undetermined] = []
    for autoscaler in stack.of(AUTOSCALERS):
        try:
            group = group_of(autoscaler, stack)
        except Undetermined as doubt:
            doubts.append(doubt)
        else:
            if group is not None:
                by_group.setdefault(group.urn, []).append(autoscaler)
    return by_group, doubts
