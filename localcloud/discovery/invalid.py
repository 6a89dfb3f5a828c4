"""What is wrong with a request, in Google's words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.discovery.json_value import JsonValue


class InvalidRequestError(ValueError):
    """A field or parameter that Google would refuse. `reason` is the error's (invalid, required, badRequest); `field` a path."""

    def __init__(self, message: str, *, reason: str, field: str) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.field = field


def rendered(value: JsonValue) -> str:
    """Return a value as Google quotes it in messages: strings bare, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def invalid_value(field: str, value: JsonValue, rule: str) -> InvalidRequestError:
    """Return the error for a value that breaks a rule; `rule` is a sentence or empty."""
    message = f"Invalid value for field '{field}': '{rendered(value)[:500]}'. {rule}".rstrip()
    return InvalidRequestError(message, reason="invalid", field=field)


def required(field: str) -> InvalidRequestError:
    """Return the error for a field that is missing."""
    return InvalidRequestError(f"Required field '{field}' not specified", reason="required", field=field)


def unknown_name(name: str, at: str) -> InvalidRequestError:
    """Return the error for a field that no schema knows."""
    message = f"Invalid JSON payload received. Unknown name \"{name}\" at '{at}': Cannot find field."
    return InvalidRequestError(message, reason="badRequest", field=at)


def unknown_parameter(name: str) -> InvalidRequestError:
    """Return the error for a query parameter that the method does not have."""
    message = (
        f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
        f"Field '{name}' could not be found in request message."
    )
    return InvalidRequestError(message, reason="badRequest", field=name)


def wrong_type(field: str, value: JsonValue, type_name: str) -> InvalidRequestError:
    """Return the error for a JSON value of another type than the schema's (``TYPE_INT32``, ``TYPE_STRING``, ...)."""
    message = f"Invalid value at '{field}' ({type_name}), {json.dumps(value)[:500]}"
    return InvalidRequestError(message, reason="badRequest", field=field)


def not_repeating(field: str) -> InvalidRequestError:
    """Return the error for a list where a single value belongs."""
    parent, _, name = field.rpartition(".")
    message = (
        f"Invalid JSON payload received. Unknown name \"{name}\" at '{parent}': "
        "Proto field is not repeating, cannot start list."
    )
    return InvalidRequestError(message, reason="badRequest", field=field)
