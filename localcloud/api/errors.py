"""Every error the API answers, one function each, in Google's shape and words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from localcloud.discovery.invalid import InvalidRequestError

# google.rpc.Code names by HTTP status, as newer Google APIs put them beside the message.
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    413: "INVALID_ARGUMENT",
    416: "OUT_OF_RANGE",
    429: "RESOURCE_EXHAUSTED",
    431: "INVALID_ARGUMENT",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
}


class ApiError(Exception):
    """An answer that is an error: HTTP `code`, Google's `reason`, and the message."""

    def __init__(
        self, code: int, reason: str, message: str, *, status: str | None = None, **location: str
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.status = status or _STATUS[code]
        self.location = location

    def body(self, style: Literal["compute", "storage", "rpc"]) -> dict[str, Any]:
        """Return the JSON body; the APIs differ in what stands beside the message."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if style != "rpc":
            error["errors"] = [
                {"message": self.message, "domain": "global", "reason": self.reason, **self.location}
            ]
        if style == "rpc" or self.code == 401:
            error["status"] = self.status
        return {"error": error}


def from_invalid(error: InvalidRequestError) -> ApiError:
    """What the discovery documents refuse."""
    return ApiError(400, error.reason, error.message)


def invalid(field: str, value: object, rule: str) -> ApiError:
    """A value that breaks a rule between fields."""
    text = value if isinstance(value, str) else json.dumps(value)
    return ApiError(400, "invalid", f"Invalid value for field '{field}': '{text}'. {rule}")


def required(field: str) -> ApiError:
    """A field that must be there."""
    return ApiError(400, "required", f"Required field '{field}' not specified")


def not_found(relname: str) -> ApiError:
    """No such compute resource."""
    return ApiError(404, "notFound", f"The resource '{relname}' was not found")


def already_exists(relname: str) -> ApiError:
    """A compute resource of this name is there already."""
    return ApiError(409, "alreadyExists", f"The resource '{relname}' already exists")


def in_use(noun: str, relname: str, user: str) -> ApiError:
    """Deleting what another resource refers to. `noun` as Google spells it: health_check, instance_template."""
    message = f"The {noun} resource '{relname}' is already being used by '{user}'"
    return ApiError(400, "resourceInUseByAnotherResource", message)


def not_ready(relname: str) -> ApiError:
    """A resource on its way out."""
    return ApiError(400, "resourceNotReady", f"The resource '{relname}' is not ready")


def stale_fingerprint(what: str = "") -> ApiError:
    """A fingerprint that is not the resource's present one. `what` is "metadata", "labels" or nothing."""
    text = (
        f"Supplied fingerprint does not match current {what} fingerprint." if what else "Invalid fingerprint."
    )
    return ApiError(412, "conditionNotMet", text)


def unauthenticated(*, presented: bool) -> ApiError:
    """No token, or one that is nobody's."""
    tail = (
        "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
        "See https://developers.google.com/identity/sign-in/web/devconsole-project."
    )
    where = {"location": "Authorization", "locationType": "header"}
    if presented:
        return ApiError(401, "authError", f"Request had invalid authentication credentials. {tail}", **where)
    return ApiError(
        401, "required", f"Request is missing required authentication credential. {tail}", **where
    )


def foreign_host(host: str) -> ApiError:
    """A Host header that is not this cloud's: what a page that rebinds its name to 127.0.0.1 would send."""
    return ApiError(
        403, "forbidden", f"Host '{host}' is not served here; address this cloud as 127.0.0.1 or localhost."
    )


def foreign_origin(origin: str) -> ApiError:
    """A browser's request that some other site's page made."""
    return ApiError(403, "forbidden", f"Requests from '{origin}' are refused: this API is not for web pages.")


def header_refused(name: str, why: str) -> ApiError:
    """A header that no plain client of this cloud sends."""
    return ApiError(400, "badRequest", f"Header '{name}' is refused: {why}.")


def headers_too_large(limit: int) -> ApiError:
    """More headers than any client has a use for."""
    return ApiError(431, "badRequest", f"The request's headers have more than {limit} bytes.")


def unsupported_content(kind: str) -> ApiError:
    """A body that says it is no JSON."""
    return ApiError(400, "badContent", f"Unsupported content with type: {kind}")


def forbidden(message: str) -> ApiError:
    """A missing permission; each API words it its own way (see authorization)."""
    return ApiError(403, "forbidden", message)


def unknown_url(path: str) -> ApiError:
    """No API has this path."""
    return ApiError(404, "notFound", f"The requested URL {path} was not found on this server.")


def not_served(method_id: str) -> ApiError:
    """A method that Google has and this cloud has not."""
    return ApiError(501, "notImplemented", f"Method {method_id} is not served by the local cloud.")
