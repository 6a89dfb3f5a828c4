"""Regional managed instance groups: as zonal ones, with zones to spread over and machine types to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from localcloud.provider.compute import Settings
from localcloud.provider.equality import last_segment
from localcloud.provider.families.instance_group_manager import PATCHED, TABLE, InstanceGroupManager, known
from localcloud.provider.mapping import OMIT, Body, Scope, coerce
from localcloud.provider.resource import Timeouts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.provider.values import Properties, Value


class RegionInstanceGroupManager(InstanceGroupManager):
    """A group of instances over the zones of a region."""

    patched: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **PATCHED,
        "instanceFlexibilityPolicy": ("instanceFlexibilityPolicy",),
        "distributionPolicy": ("distributionPolicyTargetShape",),
    }

    def body(self, scope: Scope, planned: Properties) -> Body:
        """Write the group, with its zones."""
        body = super().body(scope, planned)
        if planned.get("description"):
            body["description"] = planned["description"]
        zones = known(planned.get("distributionPolicyZones"))
        if zones:
            body.setdefault("distributionPolicy", {})["zones"] = [
                {"zone": f"zones/{last_segment(zone)}"} for zone in sorted(zones)
            ]
        return body

    def part(self, name: str, scope: Scope, planned: Properties) -> Value:
        """Write one part of the group's body."""
        if name == "instanceFlexibilityPolicy":
            return _write_flexibility(known(planned.get(name)))
        if name == "distributionPolicy":
            shape = known(planned.get("distributionPolicyTargetShape"))
            return {"targetShape": shape} if shape else OMIT
        return super().part(name, scope, planned)

    def state(self, scope: Scope, body: Body, prior: Properties) -> Properties:
        """Read the group."""
        state = super().state(scope, body, prior)
        distribution = body.get("distributionPolicy") or {}
        state["distributionPolicyZones"] = [
            last_segment(zone.get("zone", "")) for zone in distribution.get("zones") or []
        ]
        state["distributionPolicyTargetShape"] = distribution.get("targetShape", "")
        state["instanceFlexibilityPolicy"] = _read_flexibility(body.get("instanceFlexibilityPolicy"))
        return state


def _write_flexibility(value: Value) -> Body:
    if not isinstance(value, dict):
        return {}
    selections = value.get("instanceSelections") or []
    return {
        "instanceSelections": {
            selection["name"]: {
                "machineTypes": selection["machineTypes"],
                **({"rank": coerce("integer", selection["rank"])} if selection.get("rank") else {}),
            }
            for selection in selections
        }
    }


def _read_flexibility(value: Value) -> Properties | None:
    selections = (value or {}).get("instanceSelections")
    if not selections:
        return None
    return {
        "instanceSelections": [
            {
                "name": name,
                "machineTypes": item.get("machineTypes") or [],
                "rank": int(item.get("rank") or 0),
                "minCpuPlatform": "",
                "disks": [],
            }
            for name, item in sorted(selections.items())
        ]
    }


REGION_INSTANCE_GROUP_MANAGER = RegionInstanceGroupManager(
    "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager",
    Settings(
        collection="regions/{region}/instanceGroupManagers",
        table=TABLE,
        timeouts=Timeouts(create=900, update=900, delete=900),
    ),
)
