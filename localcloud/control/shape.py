"""Where a group's next instance goes: distributionPolicy.targetShape. Pure.

EVEN keeps zones within one of each other, even if one of them can take no more. BALANCED and ANY do so among the zones that have room
(there is no other difference here: no zone has reservations to use up). ANY_SINGLE_ZONE keeps all in one zone, the one where most are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.control.group import Group


def is_even(group: Group) -> bool:
    """Say whether the group's zones are to have about as many instances each."""
    return group.shape != "ANY_SINGLE_ZONE"


def zone_for_one_more(group: Group, per_zone: Mapping[str, int], avoid: str = "") -> str:
    """Return the zone for one more instance. `avoid`: a zone that has too many."""
    zones = [zone for zone in group.zones if zone not in group.zones_out] or list(group.zones)
    if group.shape == "EVEN":
        zones = list(group.zones)
    if group.shape == "ANY_SINGLE_ZONE":
        return max(zones, key=lambda zone: (per_zone.get(zone, 0), -group.zones.index(zone)))
    return min(zones, key=lambda zone: (per_zone.get(zone, 0), zone == avoid, zone))
