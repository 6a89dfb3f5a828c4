"""The IAM policy of a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api import policies
from localcloud.api.authorization import held
from localcloud.api.errors import ApiError
from localcloud.api.permissions import bucket_resource
from localcloud.api.storage import buckets, errors

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result


def _rendered(call: Call, policy: dict[str, Any]) -> dict[str, Any]:
    place = f"projects/_/buckets/{call.path['bucket']}"
    return {"kind": "storage#policy", "resourceId": place, "version": 1, **policy}


def _get(call: Call) -> Result:
    buckets.existing(call, call.path["bucket"])
    return _rendered(call, policies.read(call.cloud, f"{buckets.key(call.path['bucket'])}/iam"))


def _set(call: Call) -> Result:
    bucket = buckets.existing(call, call.path["bucket"])
    prevention = bucket["iamConfiguration"]["publicAccessPrevention"]
    members = {member for binding in call.body.get("bindings", []) for member in binding.get("members", [])}
    if prevention == "enforced" and members & {"allUsers", "allAuthenticatedUsers"}:
        message = "The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is enforced."
        raise ApiError(412, "conditionNotMet", message)
    key = f"{buckets.key(call.path['bucket'])}/iam"
    return _rendered(call, policies.replace(call, key, call.body, conflict=errors.precondition_failed()))


def _test(call: Call) -> Result:
    buckets.existing(call, call.path["bucket"])
    resource = bucket_resource(call.cloud, call.path["bucket"])
    return {"kind": "storage#testIamPermissionsResponse", **held(call, call.query["permissions"], resource)}


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    return {
        "storage.buckets.getIamPolicy": _get,
        "storage.buckets.setIamPolicy": _set,
        "storage.buckets.testIamPermissions": _test,
    }
