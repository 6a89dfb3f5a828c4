"""Keys of service accounts: there are none, and none can be made. A key is a secret that is never needed here or on Google Cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.api.errors import ApiError
from localcloud.api.iam.service_accounts import existing

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result


def _refuse(call: Call) -> Result:
    existing(call)
    # What Google answers where the organisation policy iam.disableServiceAccountKeyCreation is in force.
    message = "Key creation is not allowed on this service account."
    raise ApiError(400, "failedPrecondition", message, status="FAILED_PRECONDITION")


def _list(call: Call) -> Result:
    existing(call)
    return {}


def _missing(call: Call) -> Result:
    account = existing(call)
    name = f"{account['name']}/keys/{call.path['keysId']}"
    raise ApiError(404, "notFound", f"Service account key {name} does not exist.")


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    prefix = "iam.projects.serviceAccounts.keys"
    return {
        f"{prefix}.create": _refuse,
        f"{prefix}.upload": _refuse,
        f"{prefix}.list": _list,
        **{f"{prefix}.{verb}": _missing for verb in ("get", "delete", "disable", "enable")},
    }
