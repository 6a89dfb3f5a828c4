"""The parts of an instance group manager that zonal and regional ones share: healing, versions, named ports, status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.provider.equality import relative_link
from localcloud.provider.families.update_policy import write_target_size
from localcloud.provider.links import template_link
from localcloud.provider.mapping import Body, Scope, coerce, v1_link

if TYPE_CHECKING:
    from localcloud.provider.values import Properties, Value


def write_healing(value: Properties) -> Body:
    """Write an autohealing policy."""
    body: Body = {"healthCheck": relative_link(str(value["healthCheck"]))}
    body["initialDelaySec"] = coerce("integer", value.get("initialDelaySec") or 0)
    return body


def read_healing(value: Value) -> Properties | None:
    """Read an autohealing policy; None if there is none."""
    if not value:
        return None
    return {
        "healthCheck": v1_link(value[0].get("healthCheck", "")),
        "initialDelaySec": int(value[0].get("initialDelaySec") or 0),
    }


def write_version(version: Properties, scope: Scope) -> Body:
    """Write a version; its size even if empty."""
    body: Body = {
        "instanceTemplate": template_link(str(version["instanceTemplate"]), scope),
        "targetSize": write_target_size(version.get("targetSize")),
    }
    if version.get("name"):
        body["name"] = version["name"]
    return body


def read_version(version: Body) -> Properties:
    """Read a version."""
    size = version.get("targetSize")
    return {
        "instanceTemplate": v1_link(version.get("instanceTemplate", "")),
        "name": version.get("name", ""),
        "targetSize": {"fixed": int(size.get("fixed") or 0), "percent": int(size.get("percent") or 0)}
        if size
        else None,
    }


def write_ports(planned: Properties) -> list[Body]:
    """Write the named ports, in order."""
    ports = [
        {"name": port["name"], "port": coerce("integer", port["port"])}
        for port in planned.get("namedPorts") or []
    ]
    return sorted(ports, key=lambda port: (port["name"], port["port"]))


def read_lifecycle(value: Value) -> Properties | None:
    """Read the instance lifecycle policy; None if there is none."""
    if not value:
        return None
    repair = value.get("onRepair")
    return {
        "defaultActionOnFailure": value.get("defaultActionOnFailure", ""),
        "forceUpdateOnRepair": value.get("forceUpdateOnRepair", ""),
        "onFailedHealthCheck": value.get("onFailedHealthCheck", ""),
        "onRepair": {"allowChangingZone": repair.get("allowChangingZone", "")} if repair else None,
    }


def read_standby(value: Value) -> Properties | None:
    """Read the standby policy; None if there is none."""
    return (
        {"initialDelaySec": int(value.get("initialDelaySec") or 0), "mode": value.get("mode", "")}
        if value
        else None
    )


def read_status(status: Body, *, regional: bool) -> Properties:
    """Read the status."""
    stateful = status.get("stateful") or {}
    # Of a zonal group, the official provider tells of configurations even if there are none.
    configs = stateful.get("perInstanceConfigs") or (None if regional else {})
    version = status.get("versionTarget")
    config = status.get("allInstancesConfig")
    return {
        "allInstancesConfigs": [
            {"currentRevision": config.get("currentRevision", ""), "effective": bool(config.get("effective"))}
        ]
        if config
        else [],
        "isStable": bool(status.get("isStable")),
        "statefuls": [
            {
                "hasStatefulConfig": bool(stateful.get("hasStatefulConfig")),
                "perInstanceConfigs": [{"allEffective": bool(configs.get("allEffective"))}]
                if configs is not None
                else [],
            }
        ],
        "versionTargets": [{"isReached": bool((version or {}).get("isReached"))}] if version else [],
    }


def is_updated(status: Body) -> bool:
    """Tell whether every instance has the wanted version and configuration."""
    stateful = status.get("stateful") or {}
    instances = (stateful.get("perInstanceConfigs") or {}).get("allEffective", True) or not stateful.get(
        "hasStatefulConfig"
    )
    version = (status.get("versionTarget") or {}).get("isReached", True)
    config = (status.get("allInstancesConfig") or {}).get("effective", True)
    return bool(instances and version and config)
