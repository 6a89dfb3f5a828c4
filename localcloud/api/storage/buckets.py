"""Buckets."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from localcloud.api import policies
from localcloud.api.authorization import DENIED
from localcloud.api.call import Answer, Call, Handler, Result
from localcloud.api.compute.draft import merged, pruned
from localcloud.api.effects import tell
from localcloud.api.page_tokens import BadTokenError, start_of, token_of
from localcloud.api.storage import errors
from localcloud.api.storage.links import bucket_link, rendered

if TYPE_CHECKING:
    from localcloud.store import Document, Transaction

_NAME = re.compile(
    r"[a-z0-9](?:[-_a-z0-9]{1,61})[a-z0-9]|(?=.{3,222}$)[a-z0-9](?:[-_.a-z0-9]{1,220})[a-z0-9]"
)
_PAGE = 1000
_MULTI_REGIONS = frozenset({"US", "EU", "ASIA"})
_CLASSES = frozenset({"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "MULTI_REGIONAL", "REGIONAL"})
_IMMUTABLE = ("name", "location", "locationType", "projectNumber", "id", "timeCreated")


def key(name: str) -> str:
    """Return a bucket's store key."""
    return f"storage/b/{name}"


def existing(call: Call, name: str) -> Document:
    """Return a bucket; 404 if there is none of this name."""
    found = call.cloud.store.get(key(name)) if "/" not in name else None
    if found is None:
        raise errors.no_bucket()
    return found


def check_metageneration(call: Call, document: Document) -> None:
    """Refuse where the caller's ifMetageneration(Not)Match says so."""
    wanted, unwanted = call.query.get("ifMetagenerationMatch"), call.query.get("ifMetagenerationNotMatch")
    present = document["metageneration"]
    if (wanted is not None and str(wanted) != present) or (unwanted is not None and str(unwanted) == present):
        raise errors.precondition_failed()


def _insert(call: Call) -> Result:
    name = call.body.get("name", "")
    if call.query.get("project") not in (call.cloud.settings.project, call.cloud.settings.project_number):
        raise errors.invalid(f"Unknown project id: {call.query.get('project')}")
    if not _NAME.fullmatch(name) or "goog" in name[:4] or ".." in name:
        raise errors.invalid(f"Invalid bucket name: '{name}'")
    if call.cloud.store.get(key(name)) is not None:
        raise errors.bucket_exists()
    now = call.cloud.timestamp()
    location = (call.body.get("location") or "US").upper()
    document = {
        **call.body,
        "kind": "storage#bucket",
        "id": name,
        "projectNumber": call.cloud.settings.project_number,
        "generation": now_number(call),
        "location": location,
        "locationType": "multi-region" if location in _MULTI_REGIONS else "region",
        "storageClass": call.body.get("storageClass") or "STANDARD",
        "timeCreated": now,
        "selfLink": bucket_link(name),
    }
    if document["locationType"] == "multi-region":
        document.setdefault("rpo", "DEFAULT")
    return rendered(call, _write(call, document, 1))


def now_number(call: Call) -> str:
    """Return the cloud's time in microseconds, which is what generations are."""
    return str(int(call.cloud.clock.now() * 1_000_000))


def _write(call: Call, document: dict[str, Any], metageneration: int) -> Document:
    if document["storageClass"] not in _CLASSES:
        raise errors.invalid(f"Invalid argument: storage class '{document['storageClass']}'.")
    access = document.setdefault("iamConfiguration", {})
    older = access.get("bucketPolicyOnly", {}).get("enabled", False)  # another name of the same
    uniform = access.setdefault("uniformBucketLevelAccess", {}).setdefault("enabled", older)
    access["bucketPolicyOnly"] = {"enabled": uniform}
    access.setdefault("publicAccessPrevention", "inherited")
    document["updated"] = call.cloud.timestamp()
    document["metageneration"] = str(metageneration)
    document["etag"] = etag(metageneration)
    cleaned: Document = pruned(document)
    place = key(document["name"])
    with call.cloud.store.transaction() as tx:
        tx.put(place, cleaned)
        old = call.cloud.store.get(place)
        tell(
            call.cloud,
            tx,
            "Bucket",
            f"b/{document['name']}",
            document=cleaned,
            old=old,
        )
    return cleaned


def etag(number: int) -> str:
    """Return an etag that changes with a metageneration, as Cloud Storage's do ("CAE=" is the first)."""
    encoded = bytearray(b"\x08")  # a protobuf message with one varint
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return base64.b64encode(bytes(encoded)).decode()


def _get(call: Call) -> Result:
    document = existing(call, call.path["bucket"])
    check_metageneration(call, document)
    return rendered(call, document)


def _list(call: Call) -> Result:
    prefix = call.query.get("prefix", "")
    buckets = [
        rendered(call, document)
        for name, document in call.cloud.store.scan(f"storage/b/{prefix}")
        if name.count("/") == 2
    ]
    try:
        start = start_of(call)
    except BadTokenError as error:
        raise errors.invalid(f"Invalid page token '{call.query['pageToken']}': {error}") from error
    end = start + min(call.query.get("maxResults") or _PAGE, _PAGE)
    result: dict[str, Any] = {"kind": "storage#buckets"}
    if buckets[start:end]:
        result["items"] = buckets[start:end]
    token = token_of(call, end, len(buckets))
    return {**result, "nextPageToken": token} if token else result


def _patch(call: Call) -> Result:
    document = existing(call, call.path["bucket"])
    check_metageneration(call, document)
    return _changed(call, document, merged(document, call.body))


def _update(call: Call) -> Result:
    document = existing(call, call.path["bucket"])
    check_metageneration(call, document)
    fixed = {
        name: document[name]
        for name in ("kind", "id", "generation", "selfLink", *_IMMUTABLE)
        if name in document
    }
    return _changed(call, document, {"storageClass": document["storageClass"], **call.body, **fixed})


def _changed(call: Call, old: Document, new: dict[str, Any]) -> Result:
    for name in _IMMUTABLE:
        given = call.body.get(name)
        if given is not None and str(given).upper() != str(old.get(name, "")).upper():
            raise errors.invalid(f"The bucket's {name} cannot be changed: it is '{old.get(name)}'.")
        new[name] = old[name]
    return rendered(call, _write(call, new, int(old["metageneration"]) + 1))


def _delete(call: Call) -> Result:
    name = call.path["bucket"]
    document = existing(call, name)
    check_metageneration(call, document)
    if any(True for _ in call.cloud.store.scan(f"{key(name)}/o/")) or any(
        True for _ in call.cloud.store.scan(f"storage/noncurrent/{name}/")
    ):
        raise errors.bucket_not_empty()
    with call.cloud.store.transaction() as tx:
        _forget(call, tx, name)
    return Answer(status=204)


def _forget(call: Call, tx: Transaction, name: str) -> None:
    place = f"projects/_/buckets/{name}"
    for record, denied in call.cloud.store.scan(DENIED):
        if denied["resource"] == place or denied["resource"].startswith(f"{place}/"):
            tx.delete(record)
    tx.delete(key(name))
    policies.forget(tx, f"{key(name)}/iam")


def _storage_layout(call: Call) -> Result:
    """Return where a bucket is and whether it has folders of its own, which none has here."""
    document = existing(call, call.path["bucket"])
    return {
        "kind": "storage#storageLayout",
        "bucket": document["name"],
        "location": document["location"],
        "locationType": document["locationType"],
        "hierarchicalNamespace": {"enabled": False},
    }


def _no_caches(call: Call) -> Result:
    existing(call, call.path["bucket"])
    return {"kind": "storage#anywhereCaches"}


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    return {
        "storage.buckets.insert": _insert,
        "storage.buckets.get": _get,
        "storage.buckets.getStorageLayout": _storage_layout,
        "storage.buckets.list": _list,
        "storage.buckets.patch": _patch,
        "storage.buckets.update": _update,
        "storage.buckets.delete": _delete,
        "storage.anywhereCaches.list": _no_caches,
    }
