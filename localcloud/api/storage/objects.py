"""Objects: their metadata, their bytes, their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api import elsewhere
from localcloud.api.call import Answer, Call, Handler, Result
from localcloud.api.compute.draft import merged, pruned
from localcloud.api.effects import tell
from localcloud.api.errors import ApiError
from localcloud.api.further_permissions import check_overwriting
from localcloud.api.storage import buckets, errors
from localcloud.api.storage.links import object_links, rendered
from localcloud.api.storage.media import media

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from localcloud.api.cloud import Cloud
    from localcloud.api.storage.content import Stored, Writer
    from localcloud.store import Document

_LONGEST_NAME = 1024  # bytes of UTF-8


def key(bucket: str, name: str) -> str:
    """Return the store key of an object's live version."""
    return f"{buckets.key(bucket)}/o/{name}"


def _old_key(bucket: str, name: str, generation: str) -> str:
    return f"storage/noncurrent/{bucket}/{name}#{generation}"


def check_name(name: str) -> None:
    """Refuse names that Cloud Storage refuses."""
    if not name:
        raise ApiError(400, "required", "Required")
    if len(name.encode()) > _LONGEST_NAME or any(char in name for char in "\r\n") or name in {".", ".."}:
        raise errors.invalid(f"Invalid object name: '{name[:100]}'")


def existing(call: Call) -> Document:
    """Return the object that the path (and generation) names; 404 if it is not there."""
    return version(call, call.path["bucket"], call.path["object"], call.query.get("generation"))


def version(call: Call, bucket: str, name: str, generation: str | None = None) -> Document:
    """Return an object, its live version or the one of a generation; 404 if it is not there."""
    buckets.existing(call, bucket)
    found = call.cloud.store.get(key(bucket, name))
    if generation is not None and (found is None or found["generation"] != generation):
        found = call.cloud.store.get(_old_key(bucket, name, generation))
    if found is None:
        raise errors.no_object(bucket, name)
    return found


def check_preconditions(query: Mapping[str, Any], found: Document | None) -> None:
    """Refuse where if(Meta)Generation(Not)Match says so; generation 0 stands for no object."""
    generation = found["generation"] if found else "0"
    metageneration = found["metageneration"] if found else ""
    pairs = (
        ("ifGenerationMatch", generation, True),
        ("ifGenerationNotMatch", generation, False),
        ("ifMetagenerationMatch", metageneration, True),
        ("ifMetagenerationNotMatch", metageneration, False),
    )
    for name, present, equal in pairs:
        wanted = query.get(name)
        if wanted is not None and (str(wanted) == present) is not equal:
            raise errors.precondition_failed()


def store(call: Call, metadata: Mapping[str, Any], writer: Writer) -> dict[str, Any]:
    """Make an object of a finished upload."""
    bucket = call.path["bucket"]
    name = str(call.query.get("name") or metadata.get("name") or "")
    try:
        may_write(call, bucket, name)
        check_overwriting(call, bucket, name)
        elsewhere.check("Object", metadata)
        if call.query.get("contentEncoding"):
            metadata = {**metadata, "contentEncoding": call.query["contentEncoding"]}
        stored = writer.finish()
        _check_hashes(metadata, stored)
    except BaseException:
        writer.discard()
        raise

    def keep(generation: str) -> None:
        call.cloud.content.keep(writer, bucket, name, generation)

    return write(call, bucket, name, metadata, stored=stored, keep=keep)


def may_write(call: Call, bucket: str, name: str) -> None:
    """Refuse to write where there is no bucket, under no name, and against the caller's preconditions."""
    buckets.existing(call, bucket)
    check_name(name)
    check_preconditions(call.query, call.cloud.store.get(key(bucket, name)))


def write(
    call: Call,
    bucket: str,
    name: str,
    metadata: Mapping[str, Any],
    *,
    stored: Stored,
    keep: Callable[[str], None],
) -> dict[str, Any]:
    """Make an object of bytes that are there: these first, then the document that makes them visible.

    Args:
        call: whose preconditions must hold, and who is answered.
        bucket: where the object is to be.
        name: what it is called there.
        metadata: the fields that clients set.
        stored: size and checksums of its bytes.
        keep: puts the bytes of a generation in their place.
    """
    may_write(call, bucket, name)
    elsewhere.check("Object", metadata)
    place = buckets.existing(call, bucket)
    old = call.cloud.store.get(key(bucket, name))
    generation = max(int(buckets.now_number(call)), int(old["generation"]) + 1 if old else 0)
    document = _document(
        call.cloud,
        bucket=bucket,
        name=name,
        generation=str(generation),
        metadata=metadata,
        stored=stored,
        place=place,
    )
    keep(document["generation"])
    versioned = place.get("versioning", {}).get("enabled", False)
    with call.cloud.store.transaction() as tx:
        tx.put(key(bucket, name), document)
        tell(call.cloud, tx, "Object", f"b/{bucket}/o/{name}", document=document, old=None)
        if old is not None and versioned:
            tx.put(_old_key(bucket, name, old["generation"]), {**old, "timeDeleted": call.cloud.timestamp()})
    if old is not None and not versioned:
        call.cloud.content.remove(bucket, name, old["generation"])
    return rendered(call, document)


def _check_hashes(metadata: Mapping[str, Any], stored: Stored) -> None:
    for name, actual in (("md5Hash", stored.md5), ("crc32c", stored.crc32c)):
        given = metadata.get(name)
        if given and given != actual:
            kind = "MD5" if name == "md5Hash" else "CRC32C"
            message = f'Provided {kind} hash "{given}" doesn\'t match calculated {kind} hash "{actual}".'
            raise errors.invalid(message)


CLIENTS = (
    "cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType", "customTime", "metadata",
    "storageClass", "eventBasedHold", "temporaryHold",
)  # fmt: skip


def _document(
    cloud: Cloud,
    *,
    bucket: str,
    name: str,
    generation: str,
    metadata: Mapping[str, Any],
    stored: Stored,
    place: Document,
) -> dict[str, Any]:
    now = cloud.timestamp()
    document = {
        "kind": "storage#object",
        "id": f"{bucket}/{name}/{generation}",
        **object_links(bucket, name, generation),
        "name": name,
        "bucket": bucket,
        "generation": generation,
        "metageneration": "1",
        "contentType": "application/octet-stream",
        "storageClass": place["storageClass"],
        **{field: metadata[field] for field in CLIENTS if metadata.get(field)},
        "size": str(stored.size),
        "md5Hash": stored.md5 or None,
        "componentCount": stored.components or None,
        "crc32c": stored.crc32c,
        "etag": buckets.etag(1),
        "timeCreated": now,
        "updated": now,
        "timeStorageClassUpdated": now,
        "timeFinalized": now,
    }
    result: dict[str, Any] = pruned(document)
    return result


def _get(call: Call) -> Result:
    document = existing(call)
    check_preconditions(call.query, document)
    if call.query.get("alt") == "media":
        return media(call, document)
    return rendered(call, document)


def _patch(call: Call) -> Result:
    old = existing(call)
    check_preconditions(call.query, old)
    return _changed(call, old, {name: merged(old.get(name), value) for name, value in call.body.items()})


def _update(call: Call) -> Result:
    old = existing(call)
    check_preconditions(call.query, old)
    return _changed(call, old, {**dict.fromkeys(CLIENTS), "storageClass": old["storageClass"], **call.body})


def _changed(call: Call, old: Document, changes: dict[str, Any]) -> Result:
    elsewhere.check("Object", call.body)
    metageneration = int(old["metageneration"]) + 1
    document = {
        **old,
        **{name: value for name, value in changes.items() if name in CLIENTS},
        "metageneration": str(metageneration),
        "etag": buckets.etag(metageneration),
        "updated": call.cloud.timestamp(),
    }
    document.setdefault("contentType", "application/octet-stream")
    cleaned = pruned(document)
    cleaned.setdefault("contentType", "application/octet-stream")
    bucket, name = old["bucket"], old["name"]
    live = call.cloud.store.get(key(bucket, name)) is old
    with call.cloud.store.transaction() as tx:
        tx.put(key(bucket, name) if live else _old_key(bucket, name, old["generation"]), cleaned)
        tell(call.cloud, tx, "Object", f"b/{bucket}/o/{name}", document=cleaned, old=old)
    return rendered(call, cleaned)


def _delete(call: Call) -> Result:
    found = existing(call)
    check_preconditions(call.query, found)
    remove(call, found, archive="generation" not in call.query)
    return Answer(status=204)


def remove(call: Call, found: Document, *, archive: bool = True) -> None:
    """Delete an object; in a versioned bucket its live version becomes a noncurrent one, unless it is not to be archived."""
    bucket, name, generation = found["bucket"], found["name"], found["generation"]
    place = buckets.existing(call, bucket)
    live = call.cloud.store.get(key(bucket, name)) is found
    versioned = live and place.get("versioning", {}).get("enabled", False) and archive
    with call.cloud.store.transaction() as tx:
        tx.delete(key(bucket, name) if live else _old_key(bucket, name, generation))
        if versioned:
            tx.put(_old_key(bucket, name, generation), {**found, "timeDeleted": call.cloud.timestamp()})
    if not versioned:
        call.cloud.content.remove(bucket, name, generation)


def every(cloud: Cloud) -> Iterator[tuple[str, str, str]]:
    """Yield (bucket, name, generation) of every version of every object."""
    for prefix in ("storage/b/", "storage/noncurrent/"):
        for _, document in cloud.store.scan(prefix):
            if document.get("kind") == "storage#object":
                yield document["bucket"], document["name"], document["generation"]


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    return {
        "storage.objects.get": _get,
        "storage.objects.patch": _patch,
        "storage.objects.update": _update,
        "storage.objects.delete": _delete,
    }
