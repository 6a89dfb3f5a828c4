"""The project itself, as Compute knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.api.compute.draft import fingerprint
from localcloud.api.links import link

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result


def _get(call: Call) -> Result:
    project, settings = call.path["project"], call.cloud.settings
    return {
        "kind": "compute#project",
        "id": settings.project_number,
        "name": project,
        "creationTimestamp": "2024-01-01T00:00:00.000+00:00",
        "commonInstanceMetadata": {"kind": "compute#metadata", "fingerprint": fingerprint({})},
        "defaultServiceAccount": f"{settings.project_number}-compute@developer.gserviceaccount.com",
        "defaultNetworkTier": "PREMIUM",
        "xpnProjectStatus": "UNSPECIFIED_XPN_PROJECT_STATUS",
        "selfLink": link(f"projects/{project}"),
    }


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    return {"compute.projects.get": _get}
