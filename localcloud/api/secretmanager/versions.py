"""Versions of secrets. A value is kept beside its version's document, in the store, until the version is destroyed."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import google_crc32c

from localcloud.api import rpc
from localcloud.api.secretmanager.secrets import existing

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result
    from localcloud.store import Document

_LARGEST = 65536  # bytes of one value
_PAYLOAD = "/payload"
_STANDARD = str.maketrans("-_", "+/")


def _add(call: Call) -> Result:
    place, secret = existing(call)
    payload = call.body.get("payload") or {}
    # The schema has it as base64, of either alphabet.
    data = base64.b64decode(payload.get("data", "").translate(_STANDARD))
    if not data:
        raise rpc.bad_request("Secret Payload cannot be empty.")
    if len(data) > _LARGEST:
        raise rpc.bad_request(f"The payload has {len(data)} bytes: at most {_LARGEST} are allowed.")
    checksum = google_crc32c.value(data)
    if "dataCrc32c" in payload and int(payload["dataCrc32c"]) != checksum:
        raise rpc.bad_request(
            f"payload.dataCrc32c is {payload['dataCrc32c']}, and the data's CRC32C is {checksum}."
        )
    number = 1 + max((int(version) for version, _ in _all(call, place)), default=0)
    document = {
        "name": f"{secret['name']}/versions/{number}",
        "createTime": call.cloud.timestamp(),
        "state": "ENABLED",
        "replicationStatus": _replication(secret),
        "etag": f'"{call.cloud.store.next_number("etag"):x}"',
        **({"clientSpecifiedPayloadChecksum": True} if "dataCrc32c" in payload else {}),
    }
    kept = {"data": base64.b64encode(data).decode(), "dataCrc32c": str(checksum)}
    with call.cloud.store.transaction() as change:
        change.put(f"{place}/versions/{number}", document)
        change.put(f"{place}/versions/{number}{_PAYLOAD}", kept)
    return document


def _replication(secret: Document) -> dict[str, Any]:
    managed = secret["replication"].get("userManaged")
    if not managed:
        return {"automatic": {}}
    replicas = [{"location": replica["location"]} for replica in managed.get("replicas", [])]
    return {"userManaged": {"replicas": replicas}}


def _all(call: Call, place: str) -> list[tuple[str, Document]]:
    start = f"{place}/versions/"
    found = [(name.removeprefix(start), document) for name, document in call.cloud.store.scan(start)]
    return sorted(
        ((name, document) for name, document in found if name.isdigit()), key=lambda each: -int(each[0])
    )


def _find(call: Call) -> tuple[str, Document]:
    """Return store key and document of the version that the path names: by number, alias, or ``latest``."""
    place, secret = existing(call)
    given = call.path["versionsId"]
    if given == "latest":
        given = next((name for name, version in _all(call, place) if version["state"] != "DESTROYED"), given)
    given = str(secret.get("versionAliases", {}).get(given, given))
    found = call.cloud.store.get(f"{place}/versions/{given}") if given.isdigit() else None
    if found is None:
        name = f"{secret['name']}/versions/{call.path['versionsId']}"
        raise rpc.not_found(f"Secret Version [{name}] not found.")
    return f"{place}/versions/{given}", found


def _get(call: Call) -> Result:
    return _find(call)[1]


def _list(call: Call) -> Result:
    place, _ = existing(call)
    found = [version for _, version in _all(call, place)]
    counted = not call.query.get("filter")  # Google counts whole lists only
    return rpc.page(call, found, "versions", largest=25000, size=25000, counted=counted)


def _access(call: Call) -> Result:
    place, version = _find(call)
    if version["state"] != "ENABLED":
        raise rpc.precondition(f"Secret Version [{version['name']}] is in {version['state']} state.")
    payload = call.cloud.store.get(place + _PAYLOAD)
    return {"name": version["name"], "payload": payload or {}}


def _switch(state: str) -> Handler:
    def handler(call: Call) -> Result:
        place, version = _find(call)
        if call.body.get("etag") and call.body["etag"] != version["etag"]:
            raise rpc.stale_etag()
        if version["state"] == "DESTROYED" and state != "DESTROYED":
            raise rpc.precondition(f"Secret Version [{version['name']}] is in DESTROYED state.")
        document = {**version, "state": state, "etag": f'"{call.cloud.store.next_number("etag"):x}"'}
        with call.cloud.store.transaction() as change:
            if state == "DESTROYED":
                document.setdefault("destroyTime", call.cloud.timestamp())
                change.delete(place + _PAYLOAD)
            change.put(place, document)
        return document

    return handler


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    prefix = "secretmanager.projects.secrets"
    return {
        f"{prefix}.addVersion": _add,
        f"{prefix}.versions.get": _get,
        f"{prefix}.versions.list": _list,
        f"{prefix}.versions.access": _access,
        f"{prefix}.versions.enable": _switch("ENABLED"),
        f"{prefix}.versions.disable": _switch("DISABLED"),
        f"{prefix}.versions.destroy": _switch("DESTROYED"),
    }
