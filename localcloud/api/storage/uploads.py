"""Uploads: media (bytes alone), multipart (metadata and bytes), resumable (a session of chunks that survives restarts)."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from localcloud.api.call import Answer, Call, Result
from localcloud.api.errors import ApiError, from_invalid
from localcloud.api.further_permissions import check_overwriting
from localcloud.api.storage import buckets, errors, objects
from localcloud.discovery.invalid import InvalidRequestError
from localcloud.discovery.validator import Mode

if TYPE_CHECKING:
    from localcloud.api.storage.content import Writer
    from localcloud.store import Store

_SESSIONS = "control/uploads/"
_LARGEST = 5 * 1024**3  # bytes of an object; Google's is 5 TiB, a laptop's disk is smaller
_LARGEST_MULTIPART = 64 * 1024**2  # held in memory while its parts are found
_LARGEST_METADATA = 1024**2
_RANGE = re.compile(r"bytes (?:([0-9]+)-([0-9]+)|\*)/([0-9]+|\*)")
_KEPT = ("contentEncoding", "name")  # of the request that begins a session, for its end
_LONGEST_SESSION = 7 * 24 * 3600  # cloud seconds

Body = AsyncIterator[bytes]


async def upload(call: Call, body: Body) -> Result:
    """Answer POST and PUT of /upload/storage/v1/b/BUCKET/o."""
    if call.query.get("upload_id"):
        return await _chunk(call, body)
    buckets.existing(call, call.path["bucket"])
    kind = call.query.get("uploadType")
    if kind == "media":
        return await _media(call, body)
    if kind == "multipart":
        return await _multipart(call, body)
    if kind == "resumable":
        return await _begin(call, body)
    raise errors.invalid(f"Invalid uploadType: '{kind}'. Must be media, multipart or resumable.")


async def _media(call: Call, body: Body) -> Result:
    objects.check_name(str(call.query.get("name", "")))
    writer = call.cloud.content.writer()
    try:
        async for chunk in body:
            _append(writer, chunk)
    except BaseException:
        writer.discard()
        raise
    content_type = call.headers.get("content-type", "")
    return objects.store(call, {"contentType": content_type} if content_type else {}, writer)


def _append(writer: Writer, chunk: bytes) -> None:
    writer.write(chunk)
    if writer.size > _LARGEST:
        raise _too_large(_LARGEST)


def _too_large(limit: int) -> ApiError:
    return ApiError(413, "uploadTooLarge", f"Request body is larger than {limit} bytes.")


async def whole(body: Body, limit: int, first: bytes = b"") -> bytes:
    """Return a body that must not be larger than this; `first` is what of it has been read already."""
    parts = bytearray(first)
    if len(parts) > limit:
        raise _too_large(limit)
    async for chunk in body:
        parts += chunk
        if len(parts) > limit:
            raise _too_large(limit)
    return bytes(parts)


async def _multipart(call: Call, body: Body) -> Result:
    raw = await whole(body, _LARGEST_MULTIPART)
    metadata_text, content_type, content = _parts(call.headers.get("content-type", ""), raw)
    metadata = _metadata(call, metadata_text)
    if content_type:
        metadata.setdefault("contentType", content_type)
    writer = call.cloud.content.writer()
    writer.write(content)
    return objects.store(call, metadata, writer)


def _parts(content_type: str, raw: bytes) -> tuple[bytes, str, bytes]:
    """Split a multipart/related body into metadata, content type and content."""
    found = re.search(r"boundary=(?:\"([^\"]+)\"|([^;\s]+))", content_type)
    if not content_type.lower().startswith("multipart/") or found is None:
        raise errors.invalid("Multipart uploads need a Content-Type of multipart/related with a boundary.")
    mark = b"--" + (found[1] or found[2] or "").strip("'").encode()
    # gcloud ends its lines as Unix does; the first boundary tells.
    newline = b"\n" if mark + b"\n" in raw and mark + b"\r\n" not in raw else b"\r\n"
    pieces = (newline + raw).split(newline + mark)
    if len(pieces) != 4 or not pieces[3].startswith(b"--"):
        raise errors.invalid("Multipart body must have exactly two parts: metadata and content.")
    _, metadata = _headers(pieces[1], newline)
    headers, content = _headers(pieces[2], newline)
    return metadata, headers.get("content-type", ""), content


def _headers(piece: bytes, newline: bytes) -> tuple[dict[str, str], bytes]:
    head, found, body = piece.partition(newline * 2)
    if not found:
        raise errors.invalid("A part of the multipart body has no headers.")
    headers = {}
    for line in head.decode("latin-1").split(newline.decode()):
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return headers, body


def _metadata(call: Call, text: bytes) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "parseError", "Parse Error") from error
    try:
        result: dict[str, Any] = call.method.api.validator("Object", Mode.REQUEST)(value)
    except InvalidRequestError as error:
        raise from_invalid(error) from error
    return result


async def _begin(call: Call, body: Body) -> Result:
    metadata = _metadata(call, await whole(body, _LARGEST_METADATA))
    declared = call.headers.get("x-upload-content-type")
    if declared:
        metadata.setdefault("contentType", declared)
    name = str(call.query.get("name") or metadata.get("name") or "")
    objects.check_name(name)
    check_overwriting(call, call.path["bucket"], name)
    objects.check_preconditions(call.query, call.cloud.store.get(objects.key(call.path["bucket"], name)))
    writer = call.cloud.content.writer()
    writer.pause()
    session = secrets.token_urlsafe(24)
    now = call.cloud.clock.now()
    record = {
        "bucket": call.path["bucket"],
        "draft": writer.path.name,
        "metadata": metadata,
        "query": {key: value for key, value in call.query.items() if key.startswith("if") or key in _KEPT},
        "expiresAt": now + _LONGEST_SESSION,
    }
    with call.cloud.store.transaction() as tx:
        for key, old in call.cloud.store.scan(_SESSIONS):
            if old["expiresAt"] <= now:
                tx.delete(key)
        tx.put(_SESSIONS + session, record)
    host = call.headers.get("host", "storage.googleapis.com")
    scheme = "https" if host.endswith(".googleapis.com") else "http"
    path = f"/upload/storage/v1/b/{call.path['bucket']}/o?uploadType=resumable&name={quote(name, safe='')}"
    location = f"{scheme}://{host}{path}&upload_id={session}"
    return Answer(headers={"location": location, "x-guploader-uploadid": session})


async def _chunk(call: Call, body: Body) -> Result:
    session = str(call.query["upload_id"])
    record = call.cloud.store.get(_SESSIONS + session)
    if record is None or record["bucket"] != call.path["bucket"]:
        raise ApiError(404, "notFound", "No such upload session: it is finished, cancelled or expired.")
    if call.method.http == "DELETE":
        return _cancel(call, session, record["draft"])
    try:
        writer = call.cloud.content.resume(record["draft"])
    except FileNotFoundError as error:
        raise ApiError(404, "notFound", "No such upload session: its data is gone.") from error
    header = call.headers.get("content-range", "")
    found = _RANGE.fullmatch(header) if header else None
    if header and found is None:
        writer.pause()
        raise errors.invalid(f"Failed to parse Content-Range header: '{header}'.")
    first = int(found[1]) if found and found[1] else writer.size
    total = int(found[3]) if found and found[3] != "*" else None
    if first > writer.size:
        writer.pause()
        return _incomplete(writer.size)
    try:
        skip = writer.size - first  # bytes that had arrived before the connection broke
        async for chunk in body:
            fresh = chunk[skip:]
            skip = max(0, skip - len(chunk))
            _append(writer, fresh)
    except BaseException:
        writer.pause()
        raise
    if (header and total is None) or (total is not None and writer.size < total):
        writer.pause()
        return _incomplete(writer.size)
    if total is not None and writer.size > total:
        writer.discard()
        raise errors.invalid(f"More data than the {total} bytes that were announced.")
    call.query = record["query"]
    with call.cloud.store.transaction() as tx:
        tx.delete(_SESSIONS + session)
    return objects.store(call, record["metadata"], writer)


def _incomplete(size: int) -> Answer:
    return Answer(status=308, headers={"range": f"bytes=0-{size - 1}"} if size else {})


def _cancel(call: Call, session: str, draft: str) -> Answer:
    with call.cloud.store.transaction() as tx:
        tx.delete(_SESSIONS + session)
    call.cloud.content.resume(draft).discard()
    return Answer(status=499)  # what Cloud Storage answers to a cancelled upload


def drafts(store: Store) -> list[str]:
    """Return the names of the files that sessions in progress write to."""
    return [record["draft"] for _, record in store.scan(_SESSIONS)]
