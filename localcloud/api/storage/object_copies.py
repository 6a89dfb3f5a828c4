"""Objects made of others: rewritten, copied, moved, composed. A copy shares its bytes' file with what it was copied from."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from localcloud.api import elsewhere
from localcloud.api.storage import buckets, errors, objects
from localcloud.api.storage.content import Stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.api.call import Call, Handler, Result
    from localcloud.store import Document

_MIB = 1024**2
_MOST_COMPONENTS = 32
# What a copy has of its source if the request says nothing of itself; its storage class is that of its new bucket.
_COPIED = (
    "cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType", "customTime", "metadata",
)  # fmt: skip
_PRECONDITIONS = ("GenerationMatch", "GenerationNotMatch", "MetagenerationMatch", "MetagenerationNotMatch")


def _source(call: Call, bucket: str, name: str) -> Document:
    """Return the object to be copied, if the caller's preconditions on it hold."""
    found = objects.version(call, bucket, name, call.query.get("sourceGeneration"))
    conditions = {f"if{what}": call.query.get(f"ifSource{what}") for what in _PRECONDITIONS}
    objects.check_preconditions(conditions, found)
    return found


def _copied(call: Call, source: Document, bucket: str, name: str) -> dict[str, Any]:
    elsewhere.check("Object", call.body)
    own = {field: call.body[field] for field in objects.CLIENTS if call.body.get(field)}
    metadata = own or {field: source[field] for field in _COPIED if field in source}
    stored = Stored(
        int(source["size"]), source.get("md5Hash", ""), source["crc32c"], source.get("componentCount", 0)
    )
    content = call.cloud.content

    def keep(generation: str) -> None:
        path = content.path(source["bucket"], source["name"], source["generation"])
        content.link(path, bucket, name, generation)

    return objects.write(call, bucket, name, metadata, stored=stored, keep=keep)


def _copy(call: Call) -> Result:
    source = _source(call, call.path["sourceBucket"], call.path["sourceObject"])
    return _copied(call, source, call.path["destinationBucket"], call.path["destinationObject"])


def _rewrite(call: Call) -> Result:
    """Copy at once; in several calls only where the caller says how much a call may copy, and place or class differ."""
    source = _source(call, call.path["sourceBucket"], call.path["sourceObject"])
    bucket, name = call.path["destinationBucket"], call.path["destinationObject"]
    objects.may_write(call, bucket, name)
    size = int(source["size"])
    done = min(size, _rewritten(call, source) + _portion(call, source, size))
    answer: dict[str, Any] = {
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": str(done),
        "objectSize": str(size),
        "done": done == size,
    }
    if done < size:
        return {**answer, "rewriteToken": _token(call, source, done)}
    return {**answer, "resource": _copied(call, source, bucket, name)}


def _portion(call: Call, source: Document, size: int) -> int:
    """Return how many bytes a call copies."""
    most = call.query.get("maxBytesRewrittenPerCall")
    if most is None:
        return size
    if int(most) <= 0 or int(most) % _MIB:
        raise errors.invalid(f"Invalid maxBytesRewrittenPerCall {most}: must be a multiple of {_MIB}.")
    here = buckets.existing(call, source["bucket"])
    there = buckets.existing(call, call.path["destinationBucket"])
    kind = call.body.get("storageClass") or there["storageClass"]
    same = here["location"] == there["location"] and source["storageClass"] == kind
    return size if same else int(most)


def _rewritten(call: Call, source: Document) -> int:
    """Return how far earlier calls came, as their token says."""
    token = call.query.get("rewriteToken")
    if not token:
        return 0
    try:
        done, _, request = base64.urlsafe_b64decode(str(token).encode()).decode().partition(".")
    except (ValueError, UnicodeError):
        done = request = ""
    if not (done.isascii() and done.isdigit()) or request != _request(call, source):
        raise errors.invalid("Invalid rewriteToken: it is of another rewrite, or the source has changed.")
    return int(done)


def _token(call: Call, source: Document, done: int) -> str:
    return base64.urlsafe_b64encode(f"{done}.{_request(call, source)}".encode()).decode()


def _request(call: Call, source: Document) -> str:
    text = repr((sorted(call.path.items()), source["generation"], call.body))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _move(call: Call) -> Result:
    bucket, name = call.path["bucket"], call.path["destinationObject"]
    source = _source(call, bucket, call.path["sourceObject"])
    if source["name"] == name:
        raise errors.invalid("The source and the destination of a move must differ.")
    moved = _copied(call, source, bucket, name)
    objects.remove(call, source)
    return moved


async def _compose(call: Call) -> Result:
    bucket, name = call.path["destinationBucket"], call.path["destinationObject"]
    objects.may_write(call, bucket, name)
    elsewhere.check("Object", call.body.get("destination") or {})
    sources = _components(call, bucket)
    writer = call.cloud.content.writer()
    try:
        with (
            ExitStack() as stack
        ):  # all are open before the first is read: one that is deleted meanwhile is read to its end
            paths = (call.cloud.content.path(bucket, each["name"], each["generation"]) for each in sources)
            files = [stack.enter_context(path.open("rb")) for path in paths]
            for file in files:
                while chunk := file.read(_MIB):
                    writer.write(chunk)
                    await asyncio.sleep(0)
        written = writer.finish()
        objects.may_write(call, bucket, name)  # others wrote meanwhile
    except BaseException:
        writer.discard()
        raise
    count = sum(each.get("componentCount", 1) for each in sources)

    def keep(generation: str) -> None:
        call.cloud.content.keep(writer, bucket, name, generation)

    stored = Stored(written.size, "", written.crc32c, count)
    made = objects.write(call, bucket, name, call.body.get("destination") or {}, stored=stored, keep=keep)
    if call.body.get("deleteSourceObjects"):
        for source in {each["id"]: each for each in sources}.values():
            if source["name"] != name and call.cloud.store.get(objects.key(bucket, source["name"])) is source:
                objects.remove(call, source)
    return made


def _components(call: Call, bucket: str) -> list[Document]:
    """Return the objects to be put one behind the other; 412 if one is not of the generation that it should be."""
    given = call.body.get("sourceObjects") or []
    if not given:
        raise errors.invalid("You must provide at least one source component.")
    if len(given) > _MOST_COMPONENTS:
        message = f"The number of source components provided ({len(given)}) exceeds the maximum ({_MOST_COMPONENTS})."
        raise errors.invalid(message)
    return [_component(call, bucket, each) for each in given]


def _component(call: Call, bucket: str, given: Mapping[str, Any]) -> Document:
    objects.check_name(given.get("name", ""))
    found = objects.version(call, bucket, given["name"], given.get("generation"))
    objects.check_preconditions(given.get("objectPreconditions") or {}, found)
    return found


def handlers() -> dict[str, Handler]:
    """Return the handlers by method id."""
    return {
        "storage.objects.copy": _copy,
        "storage.objects.rewrite": _rewrite,
        "storage.objects.move": _move,
        "storage.objects.compose": _compose,
    }
