"""Zonal managed instance groups, and what regional ones share: bodies are whole, and `waitForInstances` waits until all is stable."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from localcloud.provider.compute import ComputeResource, Settings
from localcloud.provider.errors import ApiError, PartialError, ProviderError
from localcloud.provider.families.group_parts import (
    is_updated,
    read_healing,
    read_lifecycle,
    read_standby,
    read_status,
    read_version,
    write_healing,
    write_ports,
    write_version,
)
from localcloud.provider.families.update_policy import (
    read_stateful,
    read_update_policy,
    write_stateful,
    write_update_policy,
)
from localcloud.provider.mapping import OMIT, Body, Scope, Table, coerce, flatten, v1_link
from localcloud.provider.plan import settle
from localcloud.provider.resource import Request, Timeouts
from localcloud.provider.values import UNKNOWN, Properties, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

# What `state` reads by hand is local here.
TABLE = Table(
    names={"instanceGroupManagerId": "id"},
    local=frozenset(
        {
            "allInstancesConfig",
            "autoHealingPolicies",
            "deletionPolicy",
            "distributionPolicyTargetShape",
            "distributionPolicyZones",
            "instanceFlexibilityPolicy",
            "instanceLifecyclePolicy",
            "operation",
            "project",
            "statefulDisks",
            "statefulExternalIps",
            "statefulInternalIps",
            "statuses",
            "targetSizePolicies",
            "updatePolicy",
            "waitForInstances",
            "waitForInstancesStatus",
        }
    ),
    unread=frozenset({"params"}),
    readers={"targetPools": lambda body, _: [v1_link(pool) for pool in body.get("targetPools") or []]},
)
# What a patch may carry, by the API's name and the properties it comes from.
PATCHED = {
    "autoHealingPolicies": ("autoHealingPolicies",),
    "versions": ("versions",),
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


def known(value: Value) -> Value:
    """Return the value; None if only the deployment will tell it."""
    return None if value is UNKNOWN else value


class InstanceGroupManager(ComputeResource):
    """A group of instances in one zone."""

    patched: ClassVar[Mapping[str, tuple[str, ...]]] = {**PATCHED, "description": ("description",)}

    def body(self, scope: Scope, planned: Properties) -> Body:
        """Write the group; several parts are sent even when empty, as Google's own tools do."""
        body: Body = {name: self.part(name, scope, planned) for name in self.patched}
        body = {name: value for name, value in body.items() if value is not OMIT}
        body.update(
            name=planned["name"],
            baseInstanceName=planned["baseInstanceName"],
            targetSize=coerce("integer", known(planned.get("targetSize")) or 0),
            params={},
        )
        if planned.get("namedPorts"):
            body["namedPorts"] = write_ports(planned)
        return body

    def part(self, name: str, scope: Scope, planned: Properties) -> Value:
        """Write one part of the group's body, OMIT if it is not to be sent."""
        value = known(planned.get(name))
        if name == "autoHealingPolicies":
            return [write_healing(value)] if isinstance(value, dict) else OMIT
        if name == "versions":
            return [write_version(version, scope) for version in value or []]
        if name == "updatePolicy":
            return write_update_policy(value, scope)
        if name == "statefulPolicy":
            return write_stateful(planned)
        if name == "standbyPolicy":
            return {key: item for key, item in (value or {}).items() if item not in (None, "", 0, UNKNOWN)}
        if name == "instanceLifecyclePolicy":
            return _write_lifecycle(value)
        if name == "resourcePolicies":
            return {"workloadPolicy": (value or {}).get("workloadPolicy")}
        if name == "allInstancesConfig" and isinstance(value, dict):
            return {"properties": {key: item for key, item in value.items() if item}}
        return value or OMIT

    def state(self, scope: Scope, body: Body, prior: Properties) -> Properties:
        """Read the group."""
        state = flatten(self.schema.fields, {**body, "updatePolicy": None}, self.settings.table, scope, prior)
        state.update(read_stateful(body))
        state["updatePolicy"] = read_update_policy(body.get("updatePolicy"), regional=self.regional)
        state["autoHealingPolicies"] = read_healing(body.get("autoHealingPolicies"))
        state["versions"] = [read_version(version) for version in body.get("versions") or []]
        config = (body.get("allInstancesConfig") or {}).get("properties")
        state["allInstancesConfig"] = (
            {"labels": config.get("labels") or {}, "metadata": config.get("metadata") or {}}
            if config
            else None
        )
        state["instanceLifecyclePolicy"] = read_lifecycle(body.get("instanceLifecyclePolicy"))
        state["standbyPolicy"] = read_standby(body.get("standbyPolicy"))
        state["instanceGroup"] = v1_link(body.get("instanceGroup", ""))
        state["statuses"] = (
            [read_status(body["status"], regional=self.regional)] if body.get("status") else []
        )
        state["targetSizePolicies"] = [
            {"mode": item.get("mode", "")} for item in [body.get("targetSizePolicy")] if item
        ]
        for name in ("waitForInstances", "waitForInstancesStatus"):
            state[name] = prior.get(name) if prior.get(name) is not None else self.schema.fields[name].default
        state["selfLink"] = state["selfLink"] or ("" if self.zonal else None)
        state["targetPools"] = state["targetPools"] or (None if self.regional else [])
        state["project"] = scope.project
        state["region" if self.regional else "zone"] = scope.region if self.regional else scope.zone
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
            if status.get("isStable") and (not updated or is_updated(status)):
                return

    async def update(self, request: Request) -> Properties:
        """Patch what changed, then named ports and size by requests of their own, then wait for the instances.

        What was begun is kept when it is not finished: the group has a new fingerprint by then, without which the next update fails.
        """
        path = self.path(self.scope(request.session, request.planned), str(request.planned["name"]))
        try:
            await self._change(request, path)
            if request.planned.get("waitForInstances"):
                await self.wait_for_instances(request, path, self.timeouts.of("update", request.timeout))
            answer = await self.fetch(request.session, path)
        except ApiError:
            raise
        except ProviderError as error:
            raise PartialError(str(error), request.id, await self._best_state(request, path)) from error
        scope = self.scope(request.session, request.planned)
        return settle(self.schema.fields, self.state(scope, answer, request.planned), request.planned)

    async def _change(self, request: Request, path: str) -> None:
        rest = request.session.rest
        scope = self.scope(request.session, request.planned)
        timeout = self.timeouts.of("update", request.timeout)
        body: Body = {}
        for part, names in self.patched.items():
            if self.differs(request, names):
                value = self.part(part, scope, request.planned)
                body[part] = None if value is OMIT else value
        sized = "instanceFlexibilityPolicy" in body and self.differs(request, ("targetSize",))
        if sized:
            body["targetSize"] = coerce("integer", request.planned["targetSize"])
        if body:
            body["fingerprint"] = request.prior.get("fingerprint", "")
            await rest.wait(await rest.request("PATCH", rest.endpoints.compute_url(path), body), timeout)
        if self.differs(request, ("namedPorts",)):
            group = path.replace("/instanceGroupManagers/", "/instanceGroups/")
            ports = {"namedPorts": write_ports(request.planned)}
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


def _write_lifecycle(value: Value) -> Body:
    if not isinstance(value, dict):
        return {}
    body = {key: item for key, item in value.items() if item not in (None, "", UNKNOWN)}
    # A repair of which nothing is said is sent as an empty one.
    body["onRepair"] = {
        key: item
        for key, item in (known(value.get("onRepair")) or {}).items()
        if item not in (None, "", UNKNOWN)
    }
    return body


INSTANCE_GROUP_MANAGER = InstanceGroupManager(
    "gcp:compute/instanceGroupManager:InstanceGroupManager",
    Settings(
        collection="zones/{zone}/instanceGroupManagers",
        table=TABLE,
        timeouts=Timeouts(create=900, update=900, delete=900),
    ),
)
