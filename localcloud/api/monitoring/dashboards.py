"""Dashboards: kept as they are sent, empty objects included (an empty widget is one). Nothing draws them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from localcloud.api import rpc
from localcloud.api.monitoring.kept import Kept

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result

_DASHBOARDS = Kept(
    collection="dashboards", schema="Dashboard", missing="Requested entity was not found: {}.", counted=False
)
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_LAYOUTS = ("gridLayout", "mosaicLayout", "rowLayout", "columnLayout")


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
    return _DASHBOARDS.write(call, place, document)


def _create(call: Call) -> Result:
    given = str(call.body.get("name") or "").rpartition("/")[2] or call.cloud.new_id()
    if not _ID.fullmatch(given):
        raise rpc.bad_request(f"Invalid dashboard name '{call.body['name']}'.")
    place = _DASHBOARDS.key(call, given)
    if call.cloud.store.get(place) is not None:
        raise rpc.already_exists(f"Dashboard {place.removeprefix('monitoring/')} already exists.")
    name = f"projects/{call.cloud.settings.project_number}/dashboards/{given}"
    return _write(call, place, {**call.body, "name": name})


def _patch(call: Call) -> Result:
    place, old = _DASHBOARDS.existing(call)
    if call.body.get("etag") and call.body["etag"] != old["etag"]:
        raise rpc.stale_etag()
    return _write(call, place, {**call.body, "name": old["name"]})


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    return _DASHBOARDS.handlers(create=_create, patch=_patch)
