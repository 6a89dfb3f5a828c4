"""The scheduling part of an instance template."""

from __future__ import annotations

from localcloud.provider.values import UNKNOWN, Properties, Value

Body = dict[str, Value]

_SPANS = {
    "maxRunDuration": "maxRunDuration",
    "preemptionNoticeDuration": "preemptionNoticeDuration",
    "gracefulShutdown": "gracefulShutdown",
    "onInstanceStopAction": "onInstanceStopAction",
}


def write_scheduling(value: Value) -> Body:
    """Write scheduling; without any, the one thing said is that the instance migrates when its host is maintained."""
    if not isinstance(value, dict):
        return {"onHostMaintenance": "MIGRATE"}
    given = {name: None if item is UNKNOWN else item for name, item in value.items()}
    preemptible = bool(given.get("preemptible"))
    body: Body = {
        "automaticRestart": bool(given.get("automaticRestart")),
        "hostErrorTimeoutSeconds": given.get("hostErrorTimeoutSeconds") or None,
        "instanceTerminationAction": given.get("instanceTerminationAction") or "",
        "nodeAffinities": [dict(item) for item in given.get("nodeAffinities") or []] or [None],
        "onHostMaintenance": given.get("onHostMaintenance") or ("TERMINATE" if preemptible else "MIGRATE"),
        "preemptible": preemptible,
        "provisioningModel": given.get("provisioningModel") or "",
        "skipGuestOsShutdown": bool(given.get("skipGuestOsShutdown")),
    }
    for name in ("minNodeCpus", "availabilityDomain", "maintenanceInterval", "terminationTime", *_SPANS):
        if given.get(name):
            body[name] = given[name]
    if timeouts := given.get("localSsdRecoveryTimeouts"):
        body["localSsdRecoveryTimeout"] = timeouts[0]
    return body


def read_scheduling(value: Value) -> Properties | None:
    """Read scheduling; None if the API has none."""
    if not isinstance(value, dict):
        return None
    return {
        "automaticRestart": bool(value.get("automaticRestart")),
        "availabilityDomain": int(value.get("availabilityDomain") or 0),
        "hostErrorTimeoutSeconds": int(value.get("hostErrorTimeoutSeconds") or 0),
        "instanceTerminationAction": value.get("instanceTerminationAction", ""),
        "localSsdRecoveryTimeouts": [value["localSsdRecoveryTimeout"]]
        if value.get("localSsdRecoveryTimeout")
        else [],
        "maintenanceInterval": value.get("maintenanceInterval", ""),
        "minNodeCpus": int(value.get("minNodeCpus") or 0),
        "nodeAffinities": [item for item in value.get("nodeAffinities") or [] if item],
        "onHostMaintenance": value.get("onHostMaintenance", ""),
        "preemptible": bool(value.get("preemptible")),
        "provisioningModel": value.get("provisioningModel", ""),
        "skipGuestOsShutdown": bool(value.get("skipGuestOsShutdown")),
        "terminationTime": value.get("terminationTime", ""),
        **{name: value.get(api) or None for name, api in _SPANS.items()},
    }
