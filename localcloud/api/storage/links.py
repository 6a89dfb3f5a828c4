"""Links of buckets and objects. They are answered under the address that the caller used, so that they can be followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from localcloud.api.call import Call
    from localcloud.store import Document

BASE = "https://www.googleapis.com/"


def bucket_link(bucket: str) -> str:
    """Return a bucket's link."""
    return f"{BASE}storage/v1/b/{bucket}"


def object_links(bucket: str, name: str, generation: str) -> dict[str, str]:
    """Return an object's selfLink and mediaLink."""
    path = f"storage/v1/b/{bucket}/o/{quote(name, safe='')}"
    return {"selfLink": BASE + path, "mediaLink": f"{BASE}download/{path}?generation={generation}&alt=media"}


def rendered(call: Call, document: Document) -> dict[str, Any]:
    """Return a stored document with its links under the caller's address."""
    host = call.headers.get("host", "")
    base = BASE if not host or host.endswith(".googleapis.com") else f"http://{host}/"
    result = dict(document)
    for name in ("selfLink", "mediaLink"):
        if name in result:
            result[name] = base + result[name].removeprefix(BASE)
    return result
