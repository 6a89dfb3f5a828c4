"""A request's body: read part by part or in one piece, and made of it what its method's schema says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.api import errors
from localcloud.api.errors import ApiError
from localcloud.api.storage.uploads import whole
from localcloud.discovery.validator import Mode
from localcloud.json_text import value_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive

    from localcloud.api.call import Call
    from localcloud.discovery.json_value import JsonValue

JSON = "application/json"
_LARGEST_BODY = 10 * 1024**2


async def parts(receive: Receive) -> AsyncIterator[bytes]:
    """Yield a body as it comes."""
    more = True
    while more:
        part, more = await _part(receive)
        if part:
            yield part


async def read(receive: Receive) -> bytes:
    """Return a body of ordinary size, which mostly comes in one part."""
    part, more = await _part(receive)
    return await whole(parts(receive), _LARGEST_BODY, part) if more or len(part) > _LARGEST_BODY else part


async def _part(receive: Receive) -> tuple[bytes, bool]:
    """Return the next part of a body, and whether there are more."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ApiError(400, "badRequest", "The client went away in the middle of its request.")
    return message.get("body", b""), message.get("more_body", False)


def validated(call: Call, schema: str, raw: bytes) -> JsonValue:
    """Return a body as the document that its schema describes.

    Raises:
        ApiError: it is no JSON object.
        InvalidRequestError: it is not what the schema describes.
    """
    if not raw.strip():
        return {}
    kind = call.headers.get("content-type", JSON)
    # What a web page may send without being asked is of another kind.
    if kind.partition(";")[0].strip().lower() != JSON:
        raise errors.unsupported_content(kind)
    try:
        value = value_of(raw)
    except ValueError as error:
        message = f"Invalid JSON payload received. {str(error)[:200]}"
        raise ApiError(400, "parseError", message) from error
    if not isinstance(value, dict):
        raise ApiError(400, "badRequest", "Invalid JSON payload received. Root element must be a message.")
    mode = Mode.PATCH if call.method.http == "PATCH" else Mode.REQUEST
    if call.method.api.name.partition(".")[0] in ("secretmanager", "monitoring"):
        mode = Mode.MESSAGE
    where = "resource" if call.method.id.startswith("compute.") else "body"
    return call.method.api.validator(schema, mode)(value, where)
