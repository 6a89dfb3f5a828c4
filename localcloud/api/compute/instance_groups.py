"""Instance groups: what a managed group's instances are to a backend service. Derived from the group managers that own them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api import errors
from localcloud.api.authorization import held
from localcloud.api.compute.draft import Draft, fingerprint, pruned
from localcloud.api.compute.instance_group_managers import (
    INSTANCE_GROUP_MANAGERS,
    REGION_INSTANCE_GROUP_MANAGERS,
)
from localcloud.api.compute.listing import aggregated_of, listed
from localcloud.api.compute.methods import commit, location_of, stamp
from localcloud.api.compute.references import find
from localcloud.api.compute.request_ids import once
from localcloud.api.links import link
from localcloud.api.permissions import resource_of

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result
    from localcloud.api.compute.collection import Scope
    from localcloud.store import Document


class InstanceGroupMethods:
    """Methods of zonal and regional instance groups."""

    def __init__(self, resource: str, scope: Scope) -> None:
        self._resource = resource
        self._scope = scope
        self._managers = REGION_INSTANCE_GROUP_MANAGERS if scope == "regions" else INSTANCE_GROUP_MANAGERS

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by method id."""
        prefix = f"compute.{self._resource}"
        return {
            f"{prefix}.get": self.get,
            f"{prefix}.list": self.list,
            f"{prefix}.listInstances": self.list_instances,
            f"{prefix}.setNamedPorts": once(self.set_named_ports),
            f"{prefix}.testIamPermissions": self.test_permissions,
            f"{prefix}.aggregatedList": _everywhere,  # of zonal ones only is there such a method, and it lists all
        }

    def get(self, call: Call) -> Result:
        """Return one group."""
        relname, manager = self._manager(call)
        return _group(call, relname, manager)

    def test_permissions(self, call: Call) -> Result:
        """Return which of some permissions the caller has on a group; the project's policy decides."""
        self._manager(call)
        return held(call, call.body.get("permissions", []), resource_of(call))

    def list(self, call: Call) -> Result:
        """Return a page of a location's groups."""
        prefix = f"projects/{call.path['project']}/{self._scope}/{location_of(call)}"
        managers = call.cloud.store.scan(f"compute/{prefix}/instanceGroupManagers/")
        groups = [_group(call, key.removeprefix("compute/"), document) for key, document in managers]
        self_link = link(f"{prefix}/instanceGroups")
        kind = "compute#regionInstanceGroupList" if self._scope == "regions" else "compute#instanceGroupList"
        return listed(call, groups, kind=kind, self_link=self_link)

    def list_instances(self, call: Call) -> Result:
        """Return the group's instances that exist, and how they are."""
        relname, manager = self._manager(call)
        wanted = call.body.get("instanceState", "ALL")
        entries = []
        port = call.body.get("portName")
        ports = [each["name"] for each in manager.get("namedPorts", [])]
        members = call.cloud.store.scan(f"control/managed/{relname}/") if not port or port in ports else ()
        for _, record in members:
            instance = call.cloud.store.get(record["instance"])
            if instance is None or (wanted == "RUNNING" and instance["status"] != "RUNNING"):
                continue
            entry: dict[str, Any] = {
                "name": instance["name"],
                "instance": instance["selfLink"],
                "status": instance["status"],
                "namedPorts": manager.get("namedPorts"),
            }
            entries.append(pruned(entry))
        kind = (
            "regionInstanceGroupsListInstances" if self._scope == "regions" else "instanceGroupsListInstances"
        )
        self_link = link(f"{relname.replace('/instanceGroupManagers/', '/instanceGroups/')}/listInstances")
        result = listed(call, entries, kind=f"compute#{kind}", self_link=self_link)
        for entry in result.get("items", []):
            entry.pop("name")
        return result

    def set_named_ports(self, call: Call) -> Result:
        """Replace the group's named ports (which are its manager's too)."""
        relname, manager = self._manager(call)
        given = call.body.get("fingerprint")
        if given and given != _group(call, relname, manager)["fingerprint"]:
            raise errors.stale_fingerprint()
        document = {**manager, "namedPorts": call.body.get("namedPorts", [])}
        draft = Draft(
            cloud=call.cloud,
            collection=self._managers,
            project=call.path["project"],
            location=location_of(call),
            relname=relname,
            document=document,
            old=manager,
        )
        stamp(draft)
        return commit(call, draft, "setNamedPorts")

    def _manager(self, call: Call) -> tuple[str, Document]:
        wanted = self._managers.relname(call.path["project"], location_of(call), _name(call))
        relname = find(call.cloud.store, wanted)
        document = None if relname is None else call.cloud.store.get(f"compute/{relname}")
        if relname is None or document is None:
            raise errors.not_found(wanted.replace("/instanceGroupManagers/", "/instanceGroups/"))
        return relname, document


def _everywhere(call: Call) -> Result:
    """Return the groups of all zones and regions, by location."""
    found = []
    for key, manager in call.cloud.store.scan(f"compute/projects/{call.path['project']}/"):
        parts = key.split("/")
        if parts[-2] == "instanceGroupManagers":
            found.append(("/".join(parts[3:5]), _group(call, key.removeprefix("compute/"), manager)))
    return aggregated_of(call, found, "instanceGroups", "compute#instanceGroupAggregatedList")


def _group(call: Call, manager_relname: str, manager: Document) -> dict[str, Any]:
    relname = manager_relname.replace("/instanceGroupManagers/", "/instanceGroups/")
    records = call.cloud.store.scan(f"control/managed/{manager_relname}/")
    size = sum(1 for _, record in records if call.cloud.store.get(record["instance"]) is not None)
    template: Any = call.cloud.store.get("compute/" + manager["instanceTemplate"].partition("/v1/")[2]) or {}
    interface = (template.get("properties", {}).get("networkInterfaces") or [{}])[0]
    group: dict[str, Any] = {
        "kind": "compute#instanceGroup",
        "id": manager["id"],
        "creationTimestamp": manager["creationTimestamp"],
        "name": manager["name"],
        "description": "This instance group is controlled by Instance Group Manager "
        f"'{manager['name']}'. To modify instances in this group, use the Instance Group Manager API: "
        "https://cloud.google.com/compute/docs/reference/latest/instanceGroupManagers",
        "namedPorts": manager.get("namedPorts"),
        "network": interface.get("network"),
        "subnetwork": interface.get("subnetwork"),
        "fingerprint": fingerprint({"namedPorts": manager.get("namedPorts", [])}),
        "size": size,
        "zone": manager.get("zone"),
        "region": manager.get("region"),
        "selfLink": link(relname),
    }
    result: dict[str, Any] = pruned(group)
    return result


def _name(call: Call) -> str:
    return call.path.get("instanceGroup") or call.path["resource"]
