"""The project itself, as Compute knows it, with the metadata that all its instances have."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from localcloud.api import errors
from localcloud.api.compute.draft import fingerprint, pruned
from localcloud.api.compute.instance_templates import check_metadata
from localcloud.api.compute.request_ids import once
from localcloud.api.links import link

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result


def _metadata(call: Call) -> dict[str, Any]:
    kept = call.cloud.store.get(_key(call)) or {}
    nothing = {"kind": "compute#metadata", "fingerprint": fingerprint({})}
    found: dict[str, Any] = kept.get("commonInstanceMetadata", nothing)
    return found


def _key(call: Call) -> str:
    return f"compute/projects/{call.path['project']}"


def _get(call: Call) -> Result:
    project, settings = call.path["project"], call.cloud.settings
    quotas = call.cloud.quotas.answer()
    return {
        **({"quotas": quotas} if quotas else {}),
        "kind": "compute#project",
        "id": settings.project_number,
        "name": project,
        "creationTimestamp": "2024-01-01T00:00:00.000+00:00",
        "commonInstanceMetadata": _metadata(call),
        "defaultServiceAccount": f"{settings.project_number}-compute@developer.gserviceaccount.com",
        "defaultNetworkTier": "PREMIUM",
        "xpnProjectStatus": "UNSPECIFIED_XPN_PROJECT_STATUS",
        "selfLink": link(f"projects/{project}"),
    }


def _set_metadata(call: Call) -> Result:
    given = call.body.get("fingerprint")
    if given and given != _metadata(call)["fingerprint"]:
        raise errors.stale_fingerprint("metadata")
    metadata = pruned(copy.deepcopy(call.body))
    check_metadata(metadata, "resource")
    metadata |= {"kind": "compute#metadata", "fingerprint": fingerprint(metadata.get("items", []))}
    with call.cloud.store.transaction() as tx:
        tx.put(_key(call), {"commonInstanceMetadata": metadata})
        return call.cloud.operations.begin(
            tx,
            kind="compute.projects.setCommonInstanceMetadata",
            target=f"projects/{call.path['project']}",
            target_id=call.cloud.settings.project_number,
            user=call.principal.email if call.principal else "",
            request_id=call.identify(),
            request=call.fingerprint,
        )


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    return {
        "compute.projects.get": _get,
        "compute.projects.setCommonInstanceMetadata": once(_set_metadata),
    }
