"""Which Google APIs the project has: those that this cloud serves, always on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api import rpc
from localcloud.api.errors import ApiError

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result

SERVED = {
    "cloudresourcemanager.googleapis.com": "Cloud Resource Manager API",
    "compute.googleapis.com": "Compute Engine API",
    "iam.googleapis.com": "Identity and Access Management (IAM) API",
    "monitoring.googleapis.com": "Cloud Monitoring API",
    "secretmanager.googleapis.com": "Secret Manager API",
    "serviceusage.googleapis.com": "Service Usage API",
    "storage.googleapis.com": "Cloud Storage API",
}
_DONE = "operations/noop.DONE_OPERATION"


def _service(call: Call, name: str) -> dict[str, Any]:
    parent = f"projects/{call.cloud.settings.project_number}"
    return {
        "name": f"{parent}/services/{name}",
        "parent": parent,
        "state": "ENABLED",
        "config": {"name": name, "title": SERVED[name]},
    }


def _check_project(call: Call) -> None:
    kind, given = list(call.path.values())[:2]
    if kind != "projects" or given not in (call.cloud.settings.project, call.cloud.settings.project_number):
        raise ApiError(
            403, "forbidden", f"Permission denied on resource {kind}/{given} (or it may not exist)."
        )


def _list(call: Call) -> Result:
    _check_project(call)
    wanted = call.query.get("filter", "")
    if wanted not in ("", "state:ENABLED", "state:DISABLED"):
        raise ApiError(
            400, "badRequest", f"Invalid filter '{wanted}': must be state:ENABLED or state:DISABLED."
        )
    return rpc.page(call, [_service(call, name) for name in SERVED], "services", largest=200, size=50)


def _get(call: Call) -> Result:
    _check_project(call)
    return _service(call, _name(call))


def _name(call: Call) -> str:
    name = list(call.path.values())[2]
    if name not in SERVED:
        raise _not_served(name)
    return name


def _not_served(name: str) -> ApiError:
    message = f"Service '{name}' is not served by the local cloud; it has {', '.join(SERVED)}."
    return ApiError(403, "forbidden", message)


def _enable(call: Call) -> Result:
    _check_project(call)
    return _enabled(call, [_name(call)])


def _batch_enable(call: Call) -> Result:
    _check_project(call)
    names = call.body.get("serviceIds", [])
    for name in names:
        if name not in SERVED:
            raise _not_served(name)
    return _enabled(call, names)


def _enabled(call: Call, names: list[str]) -> Result:
    kind = "type.googleapis.com/google.api.serviceusage.v1."
    response: dict[str, Any]
    if len(names) == 1:
        response = {"@type": f"{kind}EnableServiceResponse", "service": _service(call, names[0])}
    else:
        response = {
            "@type": f"{kind}BatchEnableServicesResponse",
            "services": [_service(call, name) for name in names],
        }
    return {"name": _DONE, "done": True, "response": response}


def _disable(call: Call) -> Result:
    _check_project(call)
    name = _name(call)
    message = f"Service '{name}' cannot be disabled: what the local cloud serves is always on."
    raise ApiError(400, "failedPrecondition", message, status="FAILED_PRECONDITION")


def _batch_get(call: Call) -> Result:
    _check_project(call)
    found = []
    for full in call.query.get("names") or []:
        name = full.rpartition("/")[2]
        if name not in SERVED:
            raise _not_served(name)
        found.append(_service(call, name))
    return {"services": found} if found else {}


def _operation(call: Call) -> Result:
    """Enabling what is always on is over at once: there is one operation, and it is done."""
    name = next(iter(call.path.values()))
    if name != _DONE.partition("/")[2]:
        raise ApiError(404, "notFound", f"Operation {name} was not found.")
    return {"name": _DONE, "done": True}


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    return {
        "serviceusage.services.list": _list,
        "serviceusage.services.get": _get,
        "serviceusage.services.batchGet": _batch_get,
        "serviceusage.services.disable": _disable,
        "serviceusage.operations.get": _operation,
        "serviceusage.services.enable": _enable,
        "serviceusage.services.batchEnable": _batch_enable,
    }
