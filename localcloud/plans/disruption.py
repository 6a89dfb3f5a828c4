"""What it takes to get an instance from one template's properties to another's. Shared by API and controllers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# Least to most disruptive, as minimalAction and mostDisruptiveAllowedAction order them.
LEVELS = ("NONE", "REFRESH", "RESTART", "REPLACE")
# What changes in place on a running instance, and what needs a restart; all else needs a new one (the boot disk, the network).
_REFRESHABLE = {"metadata", "labels", "tags", "description"}
_RESTARTABLE = {
    "machineType",
    "minCpuPlatform",
    "serviceAccounts",
    "shieldedInstanceConfig",
    "scheduling",
    "guestAccelerators",
    "advancedMachineFeatures",
}


def disruption(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Return the least disruptive action that turns an instance of the old properties into one of the new."""
    changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    if not changed:
        return "NONE"
    if changed <= _REFRESHABLE:
        return "REFRESH"
    return "RESTART" if changed <= _REFRESHABLE | _RESTARTABLE else "REPLACE"


def more_disruptive(one: str, other: str) -> str:
    """Return the more disruptive of two levels."""
    return max(one, other, key=LEVELS.index)


def allowed(level: str, most: str) -> bool:
    """Say whether a level is no more disruptive than the most that is allowed."""
    return LEVELS.index(level) <= LEVELS.index(most)
