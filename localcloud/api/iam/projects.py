"""The project, as Resource Manager knows it: its name and its IAM policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api import policies, rpc
from localcloud.api.authorization import held, project_policy
from localcloud.api.errors import ApiError
from localcloud.api.permissions import project_resource

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result


def _check(call: Call) -> None:
    given = next(iter(call.path.values()))
    if given not in (call.cloud.settings.project, call.cloud.settings.project_number):
        message = f"The caller does not have permission, or the project '{given}' does not exist."
        raise ApiError(403, "forbidden", message)


def _project(call: Call) -> dict[str, Any]:
    settings = call.cloud.settings
    return {
        "projectNumber": settings.project_number,
        "projectId": settings.project,
        "lifecycleState": "ACTIVE",
        "name": settings.project,
        "createTime": "2024-01-01T00:00:00Z",
    }


def _get(call: Call) -> Result:
    _check(call)
    return _project(call)


def _list(call: Call) -> Result:
    return rpc.page(call, [_project(call)], "projects", largest=500, size=500, aliases={"id": "projectId"})


def _get_policy(call: Call) -> Result:
    _check(call)
    return policies.read(call.cloud, project_policy(call.cloud))


def _set_policy(call: Call) -> Result:
    _check(call)
    policy = call.body.get("policy", {})
    return policies.replace(call, project_policy(call.cloud), policy, conflict=policies.concurrent_change())


def _test(call: Call) -> Result:
    _check(call)
    return held(call, call.body.get("permissions", []), project_resource(call.cloud))


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    prefix = "cloudresourcemanager.projects"
    return {
        f"{prefix}.get": _get,
        f"{prefix}.list": _list,
        f"{prefix}.getIamPolicy": _get_policy,
        f"{prefix}.setIamPolicy": _set_policy,
        f"{prefix}.testIamPermissions": _test,
    }
