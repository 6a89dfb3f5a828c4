"""Secrets: names, labels and policies. Their values are versions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from localcloud.api import policies, rpc
from localcloud.api.authorization import held
from localcloud.api.effects import tell
from localcloud.api.permissions import resource_of

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result
    from localcloud.store import Document

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_CHANGEABLE = frozenset(
    {
        "labels",
        "annotations",
        "topics",
        "expireTime",
        "ttl",
        "rotation",
        "versionAliases",
        "versionDestroyTtl",
    }
)


def key(call: Call, secret: str) -> str:
    """Return a secret's store key; without a name, what all of them begin with."""
    return f"secretmanager/projects/{rpc.project(call)}/secrets/{secret}"


def existing(call: Call) -> tuple[str, Document]:
    """Return the store key and document of the secret that the path names; 404 if there is none."""
    secret = call.path["secretsId"]
    place = key(call, secret)
    found = call.cloud.store.get(place) if "/" not in secret else None
    if found is None:
        number = call.cloud.settings.project_number
        raise rpc.not_found(f"Secret [projects/{number}/secrets/{secret}] not found.")
    return place, found


def _create(call: Call) -> Result:
    secret = str(call.query.get("secretId") or "")
    if not _ID.fullmatch(secret):
        raise rpc.bad_request(
            f"The provided Secret ID [{secret}] does not match the expected format [[a-zA-Z_0-9-]+] of at most 255 characters."
        )
    place = key(call, secret)
    number = call.cloud.settings.project_number
    name = f"projects/{number}/secrets/{secret}"
    if call.cloud.store.get(place) is not None:
        raise rpc.already_exists(f"Secret [{name}] already exists.")
    replication = call.body.get("replication") or {}
    if ("automatic" in replication) == ("userManaged" in replication):
        raise rpc.bad_request("Secret.replication must be exactly one of automatic and userManaged.")
    given = {name: value for name, value in call.body.items() if name not in ("name", "createTime", "etag")}
    return _write(call, place, {"name": name, "createTime": call.cloud.timestamp(), **given})


def _write(call: Call, place: str, document: dict[str, Any]) -> Result:
    document["etag"] = f'"{call.cloud.store.next_number("etag"):x}"'
    with call.cloud.store.transaction() as change:
        change.put(place, document)
        old, name = call.cloud.store.get(place), place.removeprefix("secretmanager/")
        tell(call.cloud, change, "Secret", name, document=document, old=old)
    return document


def _get(call: Call) -> Result:
    return existing(call)[1]


def _list(call: Call) -> Result:
    start = key(call, "")
    found = [
        document for name, document in call.cloud.store.scan(start) if "/" not in name.removeprefix(start)
    ]
    counted = not call.query.get("filter")  # Google counts whole lists only
    return rpc.page(call, found, "secrets", largest=25000, size=25000, counted=counted)


def _patch(call: Call) -> Result:
    place, old = existing(call)
    if call.body.get("etag") and call.body["etag"] != old["etag"]:
        raise rpc.stale_etag()
    names = rpc.mask(call, _CHANGEABLE)
    return _write(call, place, rpc.updated(old, call.body, names))


def _delete(call: Call) -> Result:
    place, old = existing(call)
    if call.query.get("etag") and call.query["etag"] != old["etag"]:
        raise rpc.stale_etag()
    with call.cloud.store.transaction() as change:
        change.delete(place)
        policies.forget(change, f"{place}/iam")
        for name, _document in list(call.cloud.store.scan(f"{place}/")):
            change.delete(name)
    return {}


def _get_policy(call: Call) -> Result:
    return policies.read(call.cloud, f"{existing(call)[0]}/iam")


def _set_policy(call: Call) -> Result:
    place = f"{existing(call)[0]}/iam"
    return policies.replace(call, place, call.body.get("policy", {}), conflict=policies.concurrent_change())


def _test(call: Call) -> Result:
    existing(call)
    return held(call, call.body.get("permissions", []), resource_of(call))


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    prefix = "secretmanager.projects.secrets"
    return {
        f"{prefix}.create": _create,
        f"{prefix}.get": _get,
        f"{prefix}.list": _list,
        f"{prefix}.patch": _patch,
        f"{prefix}.delete": _delete,
        f"{prefix}.getIamPolicy": _get_policy,
        f"{prefix}.setIamPolicy": _set_policy,
        f"{prefix}.testIamPermissions": _test,
    }
