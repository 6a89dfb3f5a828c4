"""Regional managed instance groups: what is sent is always whole, and `waitForInstances` waits until the group is stable."""

from __future__ import annotations

from localcloud.provider.compute import ComputeResource, Settings
from localcloud.provider.equality import last_segment, relative_link
from localcloud.provider.errors import PartialError, ProviderError
from localcloud.provider.families.instance_template import template_link
from localcloud.provider.families.update_policy import (
    read_stateful,
    read_update_policy,
    write_stateful,
    write_target_size,
    write_update_policy,
)
from localcloud.provider.links import region_link
from localcloud.provider.mapping import OMIT, Body, Scope, Table, coerce, flatten, v1_link
from localcloud.provider.plan import settle
from localcloud.provider.resource import Request, Timeouts
from localcloud.provider.values import UNKNOWN, Properties, Value

_TABLE = Table(
    names={"instanceGroupManagerId": "id", "versions.targetSize": "targetSize"},
    local=frozenset(
        {
            "deletionPolicy",
            "project",
            "waitForInstances",
            "waitForInstancesStatus",
            "updatePolicy",
            "statefulDisks",
        }
        | {
            "statefulInternalIps",
            "statefulExternalIps",
            "allInstancesConfig",
            "distributionPolicyZones",
            "distributionPolicyTargetShape",
        }
        | {
            "instanceFlexibilityPolicy",
            "statuses",
            "targetSizePolicies",
            "autoHealingPolicies",
            "instanceLifecyclePolicy",
        }
    ),
    unread=frozenset({"params", "targetPools"}),
    writers={"region": region_link},
)
_PATCHED = {
    "autoHealingPolicies": ("autoHealingPolicies",),
    "versions": ("versions",),
    "instanceFlexibilityPolicy": ("instanceFlexibilityPolicy",),
    "distributionPolicy": ("distributionPolicyTargetShape",),
    "standbyPolicy": ("standbyPolicy",),
    "targetSuspendedSize": ("targetSuspendedSize",),
    "targetStoppedSize": ("targetStoppedSize",),
    "updatePolicy": ("updatePolicy",),
    "instanceLifecyclePolicy": ("instanceLifecyclePolicy",),
    "statefulPolicy": ("statefulDisks", "statefulInternalIps", "statefulExternalIps"),
    "allInstancesConfig": ("allInstancesConfig",),
    "listManagedInstancesResults": ("listManagedInstancesResults",),
    "targetPools": ("targetPools",),
    "resourcePolicies": ("resourcePolicies",),
}


def _known(value: Value) -> Value:
    return None if value is UNKNOWN else value


class RegionInstanceGroupManager(ComputeResource):
    """A group of instances over the zones of a region."""

    def body(self, scope: Scope, planned: Properties) -> Body:
        """Write the group; several parts are sent even when empty, as Google's own tools do."""
        body: Body = {name: self._part_of(name, scope, planned) for name in _PATCHED}
        body = {name: value for name, value in body.items() if value is not OMIT}
        body.update(
            name=planned["name"],
            baseInstanceName=planned["baseInstanceName"],
            targetSize=coerce("integer", _known(planned.get("targetSize")) or 0),
            params={},
        )
        if planned.get("description"):
            body["description"] = planned["description"]
        if planned.get("namedPorts"):
            body["namedPorts"] = _write_ports(planned)
        zones = _known(planned.get("distributionPolicyZones"))
        if zones:
            body.setdefault("distributionPolicy", {})["zones"] = [
                {"zone": f"zones/{last_segment(zone)}"} for zone in sorted(zones)
            ]
        return body

    def _part_of(self, name: str, scope: Scope, planned: Properties) -> Value:
        value = _known(planned.get(name))
        if name == "autoHealingPolicies":
            return [_write_healing(value)] if isinstance(value, dict) else OMIT
        if name == "versions":
            return [_write_version(version, scope) for version in value or []]
        if name == "updatePolicy":
            return write_update_policy(value, scope)
        if name == "statefulPolicy":
            return write_stateful(planned)
        if name in ("standbyPolicy", "instanceLifecyclePolicy"):
            return {key: item for key, item in (value or {}).items() if item not in (None, "", 0, UNKNOWN)}
        if name == "resourcePolicies":
            return {"workloadPolicy": (value or {}).get("workloadPolicy")}
        return self._optional_part(name, value, planned)

    def _optional_part(self, name: str, value: Value, planned: Properties) -> Value:
        if name == "instanceFlexibilityPolicy":
            return _write_flexibility(value)
        if name == "distributionPolicy":
            shape = _known(planned.get("distributionPolicyTargetShape"))
            return {"targetShape": shape} if shape else OMIT
        if name == "allInstancesConfig":
            if not isinstance(value, dict):
                return OMIT
            return {"properties": {key: item for key, item in value.items() if item}}
        return value or OMIT

    def state(self, scope: Scope, body: Body, prior: Properties) -> Properties:
        """Read the group."""
        state = flatten(self.schema.fields, {**body, "updatePolicy": None}, _TABLE, scope, prior)
        state.update(read_stateful(body))
        state["updatePolicy"] = read_update_policy(body.get("updatePolicy"))
        state["autoHealingPolicies"] = _read_healing(body.get("autoHealingPolicies"))
        state["versions"] = [_read_version(version) for version in body.get("versions") or []]
        config = (body.get("allInstancesConfig") or {}).get("properties")
        state["allInstancesConfig"] = (
            {"labels": config.get("labels") or {}, "metadata": config.get("metadata") or {}}
            if config
            else None
        )
        distribution = body.get("distributionPolicy") or {}
        state["distributionPolicyZones"] = [
            last_segment(zone.get("zone", "")) for zone in distribution.get("zones") or []
        ]
        state["distributionPolicyTargetShape"] = distribution.get("targetShape", "")
        state["instanceFlexibilityPolicy"] = _read_flexibility(body.get("instanceFlexibilityPolicy"))
        state["instanceLifecyclePolicy"] = _read_lifecycle(body.get("instanceLifecyclePolicy"))
        state["standbyPolicy"] = _read_standby(body.get("standbyPolicy"))
        state["instanceGroup"] = v1_link(body.get("instanceGroup", ""))
        state["statuses"] = [_read_status(body["status"])] if body.get("status") else []
        state["targetSizePolicies"] = [
            {"mode": item.get("mode", "")} for item in [body.get("targetSizePolicy")] if item
        ]
        for name in ("waitForInstances", "waitForInstancesStatus"):
            state[name] = prior.get(name) if prior.get(name) is not None else self.schema.fields[name].default
        state.update(project=scope.project, region=scope.region)
        if not state["deletionPolicy"]:
            state["deletionPolicy"] = "DELETE"
        return state

    async def after_create(self, request: Request, scope: Scope) -> None:
        """Wait for the instances, if that is asked for."""
        if request.planned.get("waitForInstances"):
            path = self.path(scope, str(request.planned["name"]))
            await self.wait_for_instances(request, path, self.timeouts.of("create", request.timeout))

    async def wait_for_instances(self, request: Request, path: str, within: float) -> None:
        """Poll the group until it is stable (and, for ``UPDATED``, every instance has the wanted version and configuration)."""
        updated = request.planned.get("waitForInstancesStatus") == "UPDATED"
        async for _ in request.session.rest.polls(within, f"instances of {path}"):
            status = (await self.fetch(request.session, path)).get("status") or {}
            if status.get("isStable") and (not updated or _is_updated(status)):
                return

    async def update(self, request: Request) -> Properties:
        """Patch what changed, then named ports and size by requests of their own, then wait for the instances."""
        rest = request.session.rest
        scope = self.scope(request.session, request.planned)
        name = str(request.planned["name"])
        path = self.path(scope, name)
        timeout = self.timeouts.of("update", request.timeout)
        body: Body = {}
        for part, names in _PATCHED.items():
            if self.differs(request, names):
                value = self._part_of(part, scope, request.planned)
                body[part] = None if value is OMIT else value
        sized = "instanceFlexibilityPolicy" in body and self.differs(request, ("targetSize",))
        if sized:
            body["targetSize"] = coerce("integer", request.planned["targetSize"])
        if body:
            body["fingerprint"] = request.prior.get("fingerprint", "")
            await rest.wait(await rest.request("PATCH", rest.endpoints.compute_url(path), body), timeout)
        if self.differs(request, ("namedPorts",)):
            group = path.replace("/instanceGroupManagers/", "/instanceGroups/")
            ports = {"namedPorts": _write_ports(request.planned)}
            await rest.wait(
                await rest.request("POST", rest.endpoints.compute_url(f"{group}/setNamedPorts"), ports),
                timeout,
            )
        if self.differs(request, ("targetSize",)) and not sized:
            size = coerce("integer", request.planned["targetSize"])
            await rest.wait(
                await rest.request("POST", rest.endpoints.compute_url(f"{path}/resize", f"&size={size}")),
                timeout,
            )
        try:
            if request.planned.get("waitForInstances"):
                await self.wait_for_instances(request, path, timeout)
        except ProviderError as error:
            raise PartialError(str(error), request.id, await self._best_state(request, path)) from error
        answer = await self.fetch(request.session, path)
        return settle(self.schema.fields, self.state(scope, answer, request.planned), request.planned)


def _is_updated(status: Body) -> bool:
    stateful = status.get("stateful") or {}
    instances = (stateful.get("perInstanceConfigs") or {}).get("allEffective", True) or not stateful.get(
        "hasStatefulConfig"
    )
    version = (status.get("versionTarget") or {}).get("isReached", True)
    config = (status.get("allInstancesConfig") or {}).get("effective", True)
    return bool(instances and version and config)


def _write_healing(value: Properties) -> Body:
    body: Body = {"healthCheck": relative_link(str(value["healthCheck"]))}
    body["initialDelaySec"] = coerce("integer", value.get("initialDelaySec") or 0)
    return body


def _read_healing(value: Value) -> Properties | None:
    if not value:
        return None
    return {
        "healthCheck": v1_link(value[0].get("healthCheck", "")),
        "initialDelaySec": int(value[0].get("initialDelaySec") or 0),
    }


def _write_version(version: Properties, scope: Scope) -> Body:
    body: Body = {
        "instanceTemplate": template_link(str(version["instanceTemplate"]), scope),
        "targetSize": write_target_size(version.get("targetSize")),
    }
    if version.get("name"):
        body["name"] = version["name"]
    return body


def _read_version(version: Body) -> Properties:
    size = version.get("targetSize")
    return {
        "instanceTemplate": v1_link(version.get("instanceTemplate", "")),
        "name": version.get("name", ""),
        "targetSize": {"fixed": int(size.get("fixed") or 0), "percent": int(size.get("percent") or 0)}
        if size
        else None,
    }


def _write_ports(planned: Properties) -> list[Body]:
    ports = [
        {"name": port["name"], "port": coerce("integer", port["port"])}
        for port in planned.get("namedPorts") or []
    ]
    return sorted(ports, key=lambda port: (port["name"], port["port"]))


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


def _read_lifecycle(value: Value) -> Properties | None:
    if not value:
        return None
    repair = value.get("onRepair")
    return {
        "defaultActionOnFailure": value.get("defaultActionOnFailure", ""),
        "forceUpdateOnRepair": value.get("forceUpdateOnRepair", ""),
        "onFailedHealthCheck": value.get("onFailedHealthCheck", ""),
        "onRepair": {"allowChangingZone": repair.get("allowChangingZone", "")} if repair else None,
    }


def _read_standby(value: Value) -> Properties | None:
    return (
        {"initialDelaySec": int(value.get("initialDelaySec") or 0), "mode": value.get("mode", "")}
        if value
        else None
    )


def _read_status(status: Body) -> Properties:
    stateful = status.get("stateful") or {}
    configs = stateful.get("perInstanceConfigs")
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
                if configs
                else [],
            }
        ],
        "versionTargets": [{"isReached": bool((version or {}).get("isReached"))}] if version else [],
    }


REGION_INSTANCE_GROUP_MANAGER = RegionInstanceGroupManager(
    "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager",
    Settings(
        collection="regions/{region}/instanceGroupManagers",
        table=_TABLE,
        timeouts=Timeouts(create=900, update=900, delete=900),
    ),
)
