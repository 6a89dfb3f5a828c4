"""Dashboards: kept as they are sent, empty objects included (an empty widget is one). Nothing draws them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from localcloud.api import rpc
from localcloud.api.effects import tell

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result
    from localcloud.store import Document

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_LAYOUTS = ("gridLayout", "mosaicLayout", "rowLayout", "columnLayout")


def _key(call: Call, name: str) -> str:
    return f"monitoring/projects/{rpc.project(call)}/dashboards/{name}"


def _existing(call: Call) -> tuple[str, Document]:
    name = call.path["dashboardsId"]
    place = _key(call, name)
    found = call.cloud.store.get(place) if "/" not in name else None
    if found is None:
        raise rpc.not_found(f"Requested entity was not found: {place.removeprefix('monitoring/')}.")
    return place, found


def _write(call: Call, place: str, document: dict[str, Any]) -> Result:
    if not document.get("displayName"):
        raise rpc.bad_request("Field displayName must not be empty.")
    layouts = [name for name in _LAYOUTS if name in document]
    if len(layouts) != 1:
        raise rpc.bad_request(
            f"A dashboard has exactly one of {', '.join(_LAYOUTS)}; this one has {len(layouts)}."
        )
    document["etag"] = f"{call.cloud.store.next_number('etag'):032x}"
    if call.query.get("validateOnly"):
        return document
    with call.cloud.store.transaction() as change:
        change.put(place, document)
        tell(
            call.cloud,
            change,
            "Dashboard",
            document["name"],
            document=document,
            old=call.cloud.store.get(place),
        )
    return document


def _create(call: Call) -> Result:
    given = str(call.body.get("name") or "").rpartition("/")[2] or call.cloud.new_id()
    if not _ID.fullmatch(given):
        raise rpc.bad_request(f"Invalid dashboard name '{call.body['name']}'.")
    place = _key(call, given)
    if call.cloud.store.get(place) is not None:
        raise rpc.already_exists(f"Dashboard {place.removeprefix('monitoring/')} already exists.")
    name = f"projects/{call.cloud.settings.project_number}/dashboards/{given}"
    return _write(call, place, {**call.body, "name": name})


def _get(call: Call) -> Result:
    return _existing(call)[1]


def _list(call: Call) -> Result:
    found = [document for _, document in call.cloud.store.scan(_key(call, ""))]
    return rpc.page(call, found, "dashboards", largest=1000, size=1000)


def _patch(call: Call) -> Result:
    place, old = _existing(call)
    if call.body.get("etag") and call.body["etag"] != old["etag"]:
        raise rpc.stale_etag()
    return _write(call, place, {**call.body, "name": old["name"]})


def _delete(call: Call) -> Result:
    place, _ = _existing(call)
    with call.cloud.store.transaction() as change:
        change.delete(place)
    return {}


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    prefix = "monitoring.projects.dashboards"
    return {
        f"{prefix}.create": _create,
        f"{prefix}.get": _get,
        f"{prefix}.list": _list,
        f"{prefix}.patch": _patch,
        f"{prefix}.delete": _delete,
    }
