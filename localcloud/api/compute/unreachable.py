"""Zones that cannot be reached, because the operator took them out, and what lists over all zones say of them.

Google's lists over all locations either have all of a zone's resources, or none of them with a warning of code UNREACHABLE: that is
`returnPartialSuccess`. Who does not ask for it gets no list at all while a zone is out. Methods of one zone are answered all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api.errors import ApiError

if TYPE_CHECKING:
    from localcloud.api.call import Call

_FAULTS = "control/faults/"  # the operator's, as the controllers keep them
_ZONAL = frozenset(
    {
        "autoscalers",
        "disks",
        "instanceGroupManagers",
        "instanceGroups",
        "instances",
        "machineTypes",
        "operations",
    }
)


def zones_out(call: Call) -> frozenset[str]:
    """Return the names of the zones that are out."""
    faults = (record for _, record in call.cloud.store.scan(_FAULTS) if record["kind"] == "zone-outage")
    return frozenset(str(record["zone"]) for record in faults)


def unreachable_scopes(call: Call, segment: str) -> frozenset[str]:
    """Return the scopes (``zones/Z``) whose resources of this kind cannot be listed now; 503 if the caller wants all or nothing."""
    if segment not in _ZONAL:
        return frozenset()
    out = frozenset(f"zones/{zone}" for zone in zones_out(call))
    if out and not call.query.get("returnPartialSuccess"):
        message = f"{', '.join(sorted(out))} cannot be reached: set returnPartialSuccess to list what can."
        raise ApiError(503, "backendError", message)
    return out


def warning_of(scope: str) -> dict[str, Any]:
    """Return what a list says in place of an unreachable scope's resources."""
    return {
        "code": "UNREACHABLE",
        "message": f"The scope '{scope}' is currently unreachable.",
        "data": [{"key": "scope", "value": scope}],
    }
