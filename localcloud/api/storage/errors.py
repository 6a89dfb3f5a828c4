"""Cloud Storage's errors, in its words."""

from __future__ import annotations

from html import escape

from localcloud.api.call import Answer
from localcloud.api.errors import ApiError


def no_bucket() -> ApiError:
    """The bucket is not there."""
    return ApiError(404, "notFound", "The specified bucket does not exist.")


def no_object(bucket: str, name: str) -> ApiError:
    """The object is not there."""
    return ApiError(404, "notFound", f"No such object: {bucket}/{name}")


def bucket_exists() -> ApiError:
    """The name is taken, by this project itself."""
    message = "Your previous request to create the named bucket succeeded and you already own it."
    return ApiError(409, "conflict", message)


def bucket_not_empty() -> ApiError:
    """Only empty buckets can be deleted."""
    return ApiError(409, "conflict", "The bucket you tried to delete is not empty.")


def precondition_failed() -> ApiError:
    """A generation, metageneration or etag that is not the present one."""
    return ApiError(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")


def reading_only() -> ApiError:
    """Plain URLs are for reading."""
    return ApiError(501, "notImplemented", "Only GET and HEAD are served here; use the JSON API.")


def invalid(message: str) -> ApiError:
    """A request that makes no sense."""
    return ApiError(400, "invalid", message)


_ANONYMOUS = "required"  # the reason of the JSON API's 401 to a request without any token
_XML_CODES = {400: "InvalidArgument", 401: "AuthenticationRequired", 403: "AccessDenied", 416: "InvalidRange"}


def xml(error: ApiError) -> Answer:
    """Render an error as the XML API does, which is what plain https://storage.googleapis.com/BUCKET/OBJECT speaks."""
    # Who says nothing of himself is 401 to the JSON API, but 403 to this one; a token that is nobody's is 401 to both.
    status = 403 if error.code == 401 and error.reason == _ANONYMOUS else error.code
    code = _XML_CODES.get(status, "InvalidRequest")
    message, details = error.message, ""
    if error.code == 404:
        bucket = "bucket" in error.message
        code = "NoSuchBucket" if bucket else "NoSuchKey"
        message = "The specified bucket does not exist." if bucket else "The specified key does not exist."
        details = "" if bucket else error.message
    elif status == 403:
        message, details = "Access denied.", error.message
    elif status == 401:
        message, details = "Authentication required.", error.message
    inner = f"<Details>{escape(details, quote=False)}</Details>" if details else ""
    words = escape(message, quote=False)
    text = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{words}</Message>{inner}</Error>"
    return Answer(status, text.encode(), "application/xml; charset=UTF-8")
