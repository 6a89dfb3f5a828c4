"""What goes wrong, with the text a user reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.provider.values import Properties, Value


class ProviderError(Exception):
    """A request that cannot be carried out; the message says why."""


class ApiError(ProviderError):
    """Google's API refused: `status` is the HTTP status, `reason` its one-word reason, the text its message."""

    def __init__(self, status: int, message: str, reason: str = "") -> None:
        super().__init__(f"googleapi: Error {status}: {message}" + (f", {reason}" if reason else ""))
        self.status = status
        self.reason = reason

    @classmethod
    def from_body(cls, status: int, body: Value, text: str) -> ApiError:
        """Read the error out of a response, in either of the shapes Google's services use."""
        error = body.get("error") if isinstance(body, dict) else None
        if not isinstance(error, dict):
            return cls(status, text.strip()[:500] or "the server sent no message")
        details = error.get("errors") or [{}]
        reason = details[0].get("reason", "") if isinstance(details[0], dict) else ""
        return cls(status, str(error.get("message", text)), str(reason or error.get("status", "")))


class OperationError(ProviderError):
    """A long-running operation ended in failure."""


class CancelledByEngineError(ProviderError):
    """The engine asked everything under way to stop."""


class PartialError(ProviderError):
    """A resource exists, but not all that was asked for came true: its id and state must be kept."""

    def __init__(self, message: str, resource_id: str, state: Properties) -> None:
        super().__init__(message)
        self.id = resource_id
        self.state = state
