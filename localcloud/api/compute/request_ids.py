"""Requests with an id of the client's: a repeated one is answered with the operation of the first."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from localcloud.api import errors
from localcloud.api.operations import ReusedIdError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from localcloud.api.call import Call, Handler, Result
    from localcloud.store import Document


def once(handler: Handler) -> Handler:
    """Return a handler that answers a repeated requestId with the operation of the first request."""

    def wrapped(call: Call) -> Result | Awaitable[Result]:
        repeat = repeated(call)
        return handler(call) if repeat is None else repeat

    return wrapped


def repeated(call: Call) -> Document | None:
    """Return the operation of an earlier request with the same requestId; refuses an id that is no UUID, or another request's."""
    given = call.query.get("requestId")
    if not given:
        return None
    try:
        valid = uuid.UUID(given).int != 0
    except ValueError:
        valid = False
    if not valid:
        raise errors.invalid("requestId", given, "Must be a valid UUID that is not zero.")
    try:
        return call.cloud.operations.repeated(call.identify(), call.fingerprint)
    except ReusedIdError as error:
        rule = "The request ID was used for another request: its method, resource and body must be the same."
        raise errors.invalid("requestId", given, rule) from error
