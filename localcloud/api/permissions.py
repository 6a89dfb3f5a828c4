"""Which permission each method needs, and on what: derived from the method's id and path, as Google names them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from localcloud.api.authorization import Resource, project_policy

if TYPE_CHECKING:
    from localcloud.api.call import Call
    from localcloud.api.cloud import Cloud

_COMPUTE_VERBS = {
    "insert": "create",
    "patch": "update",
    "aggregatedList": "list",
    "listManagedInstances": "get",
    "listErrors": "get",
    "listInstances": "get",
    "getHealth": "get",
    "createInstances": "update",
    "wait": "get",
    "resize": "update",
    "setInstanceTemplate": "update",
    "setTargetPools": "update",
    "recreateInstances": "update",
    "deleteInstances": "update",
    "abandonInstances": "update",
    "applyUpdatesToInstances": "update",
    "stopInstances": "update",
    "startInstances": "update",
    "suspendInstances": "update",
    "resumeInstances": "update",
    "setNamedPorts": "update",
    "listPerInstanceConfigs": "get",
    "updatePerInstanceConfigs": "update",
    "patchPerInstanceConfigs": "update",
    "deletePerInstanceConfigs": "update",
    "getRouterStatus": "get",
    "getNatMappingInfo": "get",
}
# Regional variants whose permissions are their own; those of every other type are the global or zonal type's.
_REGIONAL = frozenset({"regions", "regionOperations", "regionBackendServices", "regionHealthChecks"})
# The types that have a permission for labels alone; elsewhere it is the one for updates.
_LABELLED = frozenset({"addresses", "disks", "forwardingRules", "images", "instances"})
_STORAGE_VERBS = {"insert": "create", "patch": "update"}
_IAM_VERBS = {"patch": "update"}
_OTHERWISE = {
    "compute.disks.resize": "compute.disks.resize",  # groups have no permission of their own for it
    "storage.buckets.getStorageLayout": "storage.objects.list",
    "storage.objects.copy": "storage.objects.get",
    "storage.objects.rewrite": "storage.objects.get",
    "storage.objects.compose": "storage.objects.create",
    "iam.projects.serviceAccounts.keys.upload": "iam.serviceAccountKeys.create",
    "secretmanager.projects.secrets.addVersion": "secretmanager.versions.add",
    "serviceusage.services.batchEnable": "serviceusage.services.enable",
    "serviceusage.services.batchGet": "serviceusage.services.get",
}
# Asking what one may do needs no permission itself.
_FREE = "testIamPermissions"


@cache
def permission_of(method_id: str) -> str | None:
    """Return the permission that a method needs, or None if it needs none."""
    service, _, rest = method_id.partition(".")
    path, _, verb = rest.rpartition(".")
    if verb == _FREE:
        return None
    if method_id in _OTHERWISE:
        return _OTHERWISE[method_id]
    resource = path.rpartition(".")[2]
    if service == "compute":
        if resource.startswith("region") and resource not in _REGIONAL:
            resource = resource[6].lower() + resource[7:]
        if verb == "setLabels" and resource not in _LABELLED:
            verb = "update"
        return f"compute.{resource}.{_COMPUTE_VERBS.get(verb, verb)}"
    if service == "storage":
        return f"storage.{resource}.{_STORAGE_VERBS.get(verb, verb)}"
    if service == "iam":
        resource = "serviceAccountKeys" if resource == "keys" else resource
        return f"iam.{resource}.{_IAM_VERBS.get(verb, verb)}"
    if service == "cloudresourcemanager":
        return f"resourcemanager.{resource}.{verb}"
    return f"{service}.{resource}.{_IAM_VERBS.get(verb, verb)}"


def resource_of(call: Call) -> Resource:
    """Return what a call acts on."""
    service = call.method.id.partition(".")[0]
    if service == "storage":
        # Of a copy this is the source; what is needed for the destination is asked further.
        bucket = _first(call, "bucket", "sourceBucket", "destinationBucket")
        if bucket is None:
            return project_resource(call.cloud)
        name = _first(call, "object", "sourceObject", "destinationObject") or call.query.get("name")
        if name and ".objects." in call.method.id:
            return object_resource(call.cloud, bucket, name)
        return bucket_resource(call.cloud, bucket)
    project = project_resource(call.cloud)
    if service == "iam" and (email := call.path.get("serviceAccountsId")):
        name = f"projects/{call.cloud.settings.project}/serviceAccounts/{email}"
        return Resource(policies=(f"iam/{name}/iam", *project.policies), name=name, words="service account")
    if service == "secretmanager" and (secret := call.path.get("secretsId")):
        place = f"secretmanager/projects/{call.cloud.settings.project}/secrets/{secret}/iam"
        name = f"projects/{call.cloud.settings.project_number}/secrets/{secret}"
        if version := call.path.get("versionsId"):
            name = f"{name}/versions/{version}"
        return Resource(policies=(place, *project.policies), name=name, words="secret")
    if service == "compute":
        return Resource(policies=project.policies, name=_compute_name(call), words="resource")
    return project


def _first(call: Call, *names: str) -> str | None:
    return next((call.path[name] for name in names if name in call.path), None)


def _compute_name(call: Call) -> str:
    """Return the relative name of the resource that the path names, or the project's for a collection."""
    values = iter(call.path.values())
    parts: list[str] = []
    name = ""
    for segment in call.method.segments:
        parts.append(next(values) if segment.startswith("{") else segment)
        if segment.startswith("{") and segment not in {"{region}", "{zone}"}:
            name = "/".join(parts)
    return name


def project_resource(cloud: Cloud) -> Resource:
    """Return the project."""
    return Resource(
        policies=(project_policy(cloud),), name=f"projects/{cloud.settings.project}", words="project"
    )


def bucket_resource(cloud: Cloud, bucket: str) -> Resource:
    """Return a bucket, whether it is there or not."""
    policies = (f"storage/b/{bucket}/iam", project_policy(cloud))
    return Resource(
        policies=policies, name=f"projects/_/buckets/{bucket}", words="Google Cloud Storage bucket"
    )


def object_resource(cloud: Cloud, bucket: str, name: str) -> Resource:
    """Return an object, whether it is there or not; it has its bucket's policy."""
    policies = (f"storage/b/{bucket}/iam", project_policy(cloud))
    full = f"projects/_/buckets/{bucket}/objects/{name}"
    return Resource(policies=policies, name=full, words="Google Cloud Storage object")
