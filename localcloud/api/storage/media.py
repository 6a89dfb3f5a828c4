"""An object's bytes as an answer: with its headers, whole or the range that was asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

from localcloud.api.call import Answer, Call
from localcloud.api.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from localcloud.store import Document


def media(call: Call, document: Document) -> Answer:
    """Return an object's bytes, or the range of them that the caller wants."""
    size = int(document["size"])
    path = call.cloud.content.path(document["bucket"], document["name"], document["generation"])
    headers = {
        "etag": f'"{document["etag"]}"',
        "x-goog-generation": document["generation"],
        "x-goog-metageneration": document["metageneration"],
        "x-goog-hash": f"crc32c={document['crc32c']}"
        + (f",md5={document['md5Hash']}" if "md5Hash" in document else ""),
        "x-goog-storage-class": document["storageClass"],
        "x-goog-stored-content-length": document["size"],
        "accept-ranges": "bytes",
        "last-modified": format_datetime(
            datetime.fromisoformat(document["updated"]).astimezone(UTC), usegmt=True
        ),
    }
    for field, header in (("cacheControl", "cache-control"), ("contentDisposition", "content-disposition"),
                          ("contentEncoding", "content-encoding"), ("contentLanguage", "content-language")):  # fmt: skip
        if field in document:
            headers[header] = document[field]
    span = _range(call.headers.get("range"), size)
    start, end = span or (0, size)
    if span is not None:
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    headers["content-length"] = str(end - start)
    return Answer(
        status=200 if span is None else 206,
        content=_streamed(call.cloud.content.read(path, start, end)),
        content_type=document["contentType"],
        headers=headers,
    )


async def _streamed(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def _range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return [start, end) of a Range header; None to send everything (also where it makes no sense, as RFC 9110 says)."""
    if not header or not header.startswith("bytes=") or "," in header:
        return None
    first, _, last = header.removeprefix("bytes=").strip().partition("-")
    if not (first.isdigit() or first == "") or not (last.isdigit() or last == "") or not (first or last):
        return None
    if first:
        start, end = int(first), min(int(last) + 1 if last else size, size)
    else:
        start, end = max(0, size - int(last)), size
    if start >= size or start >= end:
        raise ApiError(416, "requestedRangeNotSatisfiable", "Request range not satisfiable")
    return start, end
