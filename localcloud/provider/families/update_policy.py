"""The update policy, versions and stateful parts of an instance group manager, as the official provider writes them."""

from __future__ import annotations

from localcloud.provider.mapping import Scope, coerce
from localcloud.provider.values import UNKNOWN, Properties, Value

Body = dict[str, Value]

_RANGES = {
    "maxSurge": ("maxSurgeFixed", "maxSurgePercent"),
    "maxUnavailable": ("maxUnavailableFixed", "maxUnavailablePercent"),
}
_STATEFUL_ADDRESSES = {"statefulInternalIps": "internalIPs", "statefulExternalIps": "externalIPs"}


def _known(value: Value) -> Value:
    return None if value is UNKNOWN else value


def write_update_policy(value: Value, scope: Scope) -> Body:
    """Write an update policy; of the fixed and the percent form, percent wins, and the other is sent as null."""
    if not isinstance(value, dict):
        return {}
    regional = "distributionPolicyZones" in scope.properties
    body: Body = {
        "minReadySec": coerce("integer", _known(value.get("minReadySec")) or 0),
        "minimalAction": value.get("minimalAction"),
        "mostDisruptiveAllowedAction": _known(value.get("mostDisruptiveAllowedAction")) or None,
        "type": value.get("type"),
    }
    method = _known(value.get("replacementMethod")) or ""
    if regional:
        body["instanceRedistributionType"] = _known(value.get("instanceRedistributionType")) or ""
    if method or not regional:
        body["replacementMethod"] = method
    for name, (fixed, percent) in _RANGES.items():
        share = coerce("integer", _known(value.get(percent)) or 0)
        count = coerce("integer", _known(value.get(fixed)) or 0)
        body[name] = {"percent": share, "fixed": None} if share > 0 else {"fixed": count, "percent": None}
    return body


def read_update_policy(policy: Value, *, regional: bool) -> Properties | None:
    """Read an update policy, redistribution included if the group is regional; None if the API has none."""
    if not policy:
        return None
    state: Properties = {
        name: policy.get(name) or ""
        for name in (
            *(("instanceRedistributionType",) if regional else ()),
            "minimalAction",
            "mostDisruptiveAllowedAction",
            "replacementMethod",
            "type",
        )
    }
    state["minReadySec"] = int(policy.get("minReadySec") or 0)
    for name, (fixed, percent) in _RANGES.items():
        limit = policy.get(name) or {}
        state[fixed] = int(limit.get("fixed") or 0)
        state[percent] = int(limit.get("percent") or 0)
    return state


def write_target_size(value: Value) -> Body:
    """Write a version's size: empty for "all the others"."""
    if not isinstance(value, dict):
        return {}
    return {name: coerce("integer", value[name]) for name in ("fixed", "percent") if value.get(name)}


def write_stateful(properties: Properties) -> Body:
    """Write what instances keep when they are recreated."""
    preserved: Body = {}
    disks = _known(properties.get("statefulDisks"))
    if disks:
        preserved["disks"] = {
            disk["deviceName"]: {"autoDelete": disk.get("deleteRule", "NEVER")} for disk in disks
        }
    for name, api in _STATEFUL_ADDRESSES.items():
        addresses = _known(properties.get(name))
        if addresses:
            preserved[api] = {
                item.get("interfaceName", "nic0"): {"autoDelete": item.get("deleteRule", "NEVER")}
                for item in addresses
            }
    return {"preservedState": preserved}


def read_stateful(body: Body) -> Properties:
    """Read what instances keep when they are recreated."""
    preserved = (body.get("statefulPolicy") or {}).get("preservedState") or {}
    disks = [
        {"deviceName": name, "deleteRule": item.get("autoDelete", "")}
        for name, item in sorted((preserved.get("disks") or {}).items())
    ]
    addresses = {
        name: [
            {"interfaceName": nic, "deleteRule": item.get("autoDelete", "")}
            for nic, item in sorted((preserved.get(api) or {}).items())
        ]
        for name, api in _STATEFUL_ADDRESSES.items()
    }
    return {"statefulDisks": disks, **addresses}
