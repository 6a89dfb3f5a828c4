"""Managed instance groups, zonal and regional: what they should be. The controllers make it so and keep `status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api import errors
from localcloud.api.compute import update_policy
from localcloud.api.compute.collection import Collection, Link
from localcloud.api.compute.references import referenced
from localcloud.api.compute.suspending import hindrances
from localcloud.api.links import last, link
from localcloud.plans import sizes, standby

if TYPE_CHECKING:
    from localcloud.api.compute.draft import Draft
    from localcloud.store import Document

ACTIONS = (
    "none", "creating", "creatingWithoutRetries", "recreating", "deleting", "abandoning", "restarting", "refreshing",
    "verifying", "starting", "stopping", "suspending", "resuming",
)  # fmt: skip
_DEFAULT_ZONES = 3
NO_TARGET_POOLS = "The local cloud has no target pools: put the group behind a backend service."
_NO_EXTERNAL = "The local cloud's instances have no external addresses: leave it out."
_LONGEST_BASE = 58  # a hyphen and four characters follow


def _complete(draft: Draft) -> None:
    document = draft.document
    _versions(draft)
    draft.default("baseInstanceName", document["name"])
    if len(document["baseInstanceName"]) > _LONGEST_BASE:
        raise draft.refuse("baseInstanceName", f"Must be at most {_LONGEST_BASE} characters long.")
    if "targetSize" not in document:
        raise errors.required("resource.targetSize")
    draft.bounds("targetSize", 0, 2000 if draft.collection.scope == "regions" else 1000)
    if draft.collection.scope == "regions":
        _distribution(draft)
    if document.get("targetPools"):
        raise draft.refuse("targetPools", NO_TARGET_POOLS)
    _named_ports(draft)
    _auto_healing(draft)
    update_policy.complete(draft)
    draft.default("listManagedInstancesResults", "PAGELESS")
    draft.default("instanceLifecyclePolicy.defaultActionOnFailure", "REPAIR")
    draft.default("instanceLifecyclePolicy.forceUpdateOnRepair", "NO")
    if draft.get("instanceLifecyclePolicy.onFailedHealthCheck") is None:
        draft.default("instanceLifecyclePolicy.onFailedHealthCheck", "DEFAULT_ACTION")
    _stateful(draft)
    _standby(draft)
    _server_side(draft)


def _versions(draft: Draft) -> None:
    document = draft.document
    replaced = draft.old is not None and draft.changed("instanceTemplate") and not draft.changed("versions")
    if replaced and "instanceTemplate" in document:
        document["versions"] = [{"instanceTemplate": document["instanceTemplate"]}]
    versions = document.get("versions")
    if not versions:
        if "instanceTemplate" not in document:
            raise errors.required("resource.versions")
        versions = document["versions"] = [{"instanceTemplate": document["instanceTemplate"]}]
    for index, version in enumerate(versions):
        if "instanceTemplate" not in version:
            raise errors.required(f"resource.versions[{index}].instanceTemplate")
    if len(versions) > 2:
        raise draft.refuse("versions", "At most two versions can be specified.")
    if sum(1 for version in versions if "targetSize" not in version) != 1:
        raise draft.refuse("versions", "Exactly one version must have no target size: it takes the rest.")
    document["instanceTemplate"] = next(v["instanceTemplate"] for v in versions if "targetSize" not in v)
    for version in versions:
        if "targetSize" in version:
            given = version["targetSize"] = {**version["targetSize"]}
            given["calculated"] = sizes.share(given, document.get("targetSize", 0)) or 0


def _distribution(draft: Draft) -> None:
    zones = draft.get("distributionPolicy.zones")
    region = draft.location
    if not zones:
        names = draft.cloud.settings.regions[region][:_DEFAULT_ZONES]
        zones = [{"zone": name} for name in names]
    known = draft.cloud.settings.regions[region]
    result = []
    for index, entry in enumerate(zones):
        name = last(entry.get("zone", ""))
        if name not in known:
            where = f"resource.distributionPolicy.zones[{index}].zone"
            raise errors.invalid(
                where, entry.get("zone", ""), f"Zone must be one of region {region}: {', '.join(known)}."
            )
        result.append({"zone": link(f"projects/{draft.project}/zones/{name}")})
    draft.document.setdefault("distributionPolicy", {})["zones"] = result
    shape = draft.document["distributionPolicy"].setdefault("targetShape", "EVEN")
    if shape != "EVEN" and len(draft.document["versions"]) > 1:
        rule = f"Two versions can be specified with target shape EVEN only; it is {shape}."
        raise draft.refuse("versions", rule)
    old = (draft.old or {}).get("distributionPolicy", {}).get("zones")
    if old is not None and old != result:
        raise draft.refuse(
            "distributionPolicy.zones", "The field is immutable: delete the group and create it anew."
        )
    redistribution = draft.get("updatePolicy.instanceRedistributionType")
    if shape in {"BALANCED", "ANY_SINGLE_ZONE"} and redistribution != "NONE":
        rule = f"Must be NONE with target shape {shape}."
        raise errors.invalid(
            "resource.updatePolicy.instanceRedistributionType", redistribution or "PROACTIVE", rule
        )


def _named_ports(draft: Draft) -> None:
    for index, entry in enumerate(draft.get("namedPorts") or []):
        where = f"resource.namedPorts[{index}]"
        if not entry.get("name"):
            raise errors.required(f"{where}.name")
        if not 1 <= entry.get("port", 0) <= 65535:
            raise errors.invalid(f"{where}.port", str(entry.get("port", "")), "Must be between 1 and 65535.")


def _auto_healing(draft: Draft) -> None:
    policies = draft.get("autoHealingPolicies") or []
    if len(policies) > 1:
        raise draft.refuse("autoHealingPolicies", "At most one auto-healing policy can be specified.")
    for policy in policies:
        policy.setdefault("initialDelaySec", 0)
        if not 0 <= policy["initialDelaySec"] <= 3600:
            where = "resource.autoHealingPolicies[0].initialDelaySec"
            raise errors.invalid(where, str(policy["initialDelaySec"]), "Must be between 0 and 3600.")


def with_rules(document: dict[str, Any]) -> dict[str, Any]:
    """Return a group that says of all that it keeps when it is deleted; gcloud leaves that out, and an empty object is kept no more."""
    policy = document.get("statefulPolicy") or {}
    kept = policy.get("preservedState") or {}
    if not kept:
        return document
    ruled = {
        kind: {name: {"autoDelete": "NEVER", **rule} for name, rule in items.items() if rule is not None}
        for kind, items in kept.items()
        if items is not None
    }
    return {**document, "statefulPolicy": {**policy, "preservedState": ruled}}


def _stateful(draft: Draft) -> None:
    """A stateful group keeps names and disks: Google refuses what would not."""
    draft.document = with_rules(draft.document)
    kept = draft.get("statefulPolicy.preservedState") or {}
    if not any(kept.get(name) for name in ("disks", "internalIPs", "externalIPs")):
        draft.document.pop("statefulPolicy", None)
        return
    if kept.get("externalIPs"):
        raise draft.refuse("statefulPolicy.preservedState.externalIPs", _NO_EXTERNAL)
    redistribution = draft.get("updatePolicy.instanceRedistributionType")
    if draft.collection.scope == "regions" and redistribution != "NONE":
        rule = "Must be NONE for a group with a stateful policy: evening out zones would give up what instances keep."
        raise errors.invalid("resource.updatePolicy.instanceRedistributionType", redistribution, rule)
    devices = _devices(draft)
    for name in kept.get("disks", {}):
        if name not in devices:
            rule = "Must be the device name of a disk of every version's template."
            raise errors.invalid("resource.statefulPolicy.preservedState.disks", name, rule)


def _standby(draft: Draft) -> None:
    """How many members wait stopped or suspended counts against the group's greatest size too."""
    most = 2000 if draft.collection.scope == "regions" else 1000
    waiting = 0
    for size in standby.SIZES.values():
        if size in draft.document:
            draft.bounds(size, 0, most)
            waiting += draft.document[size]
    if draft.document["targetSize"] + waiting > most:
        rule = f"The group can have {most} instances in all: those that run, are stopped and are suspended."
        raise draft.refuse("targetSize", rule)
    if draft.document.get("targetSuspendedSize"):
        for template in _templates(draft):
            for reason in hindrances(template["properties"]):
                raise draft.refuse("targetSuspendedSize", f"Instances of {template['name']}: {reason}.")
    if draft.get("standbyPolicy.initialDelaySec") is not None:
        draft.bounds("standbyPolicy.initialDelaySec", 0, 3600)


def _devices(draft: Draft) -> set[str]:
    """Return the device names that the templates of all versions have."""
    names = [
        {disk["deviceName"] for disk in template["properties"]["disks"]} for template in _templates(draft)
    ]
    return set.intersection(*names) if names else set()


def _templates(draft: Draft) -> list[Document]:
    """Return the templates of all versions."""
    found = (
        referenced(draft.cloud.store, version["instanceTemplate"]) for version in draft.document["versions"]
    )
    return [template for template in found if template is not None]


def _server_side(draft: Draft) -> None:
    """What the server says of a new or changed group, until the controllers have looked at it."""
    document, old = draft.document, draft.old
    document["instanceGroup"] = link(draft.relname.replace("/instanceGroupManagers/", "/instanceGroups/"))
    if old is None:
        document["currentActions"] = dict.fromkeys(ACTIONS, 0)
        document["status"] = {
            "isStable": not any(document.get(size) for size in ("targetSize", *standby.SIZES.values())),
            "versionTarget": {"isReached": True},
            "allInstancesConfig": {"effective": True},
            "stateful": {
                "hasStatefulConfig": "statefulPolicy" in document,
                "perInstanceConfigs": {"allEffective": True},
            },
        }
        return
    status = {**document["status"]}
    status["stateful"] = {**status.get("stateful", {}), "hasStatefulConfig": "statefulPolicy" in document}
    if any(draft.changed(size) for size in ("targetSize", *standby.SIZES.values())):
        status["isStable"] = False
    if draft.changed("versions"):
        status["isStable"] = False
        status["versionTarget"] = {"isReached": False}
    if draft.changed("allInstancesConfig"):
        status["allInstancesConfig"] = {**status.get("allInstancesConfig", {}), "effective": False}
    document["status"] = status


_LINKS = (
    Link(path="instanceTemplate", to=("instanceTemplates",)),
    Link(path="versions[].instanceTemplate", to=("instanceTemplates",)),
    Link(path="autoHealingPolicies[].healthCheck", to=("healthChecks",)),
)
_COMMON: dict[str, Any] = {
    "segment": "instanceGroupManagers",
    "parameter": "instanceGroupManager",
    "kind": "compute#instanceGroupManager",
    "noun": "instance_group_manager",
    "schema": "InstanceGroupManager",
    "links": _LINKS,
    "complete": _complete,
    "immutable": frozenset({"baseInstanceName"}),
    "fingerprint": "optional",
}
INSTANCE_GROUP_MANAGERS = Collection(resource="instanceGroupManagers", scope="zones", **_COMMON)
REGION_INSTANCE_GROUP_MANAGERS = Collection(
    resource="regionInstanceGroupManagers", scope="regions", **_COMMON
)
