"""Page tokens: where the next page begins, and of which request. One is good for the list it came from, asked for in the same way."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.api.call import Call

# Parameters that may differ from page to page; all others decide what is in the list (AIP-158).
_FREE = frozenset({"maxResults", "pageSize", "pageToken", "fields", "alt", "prettyPrint", "key", "quotaUser"})


class BadTokenError(ValueError):
    """A token that is not of this list; the message says what it should have been."""


def token_of(call: Call, end: int, total: int) -> str:
    """Return the token of the page that begins at `end` in a list of `total`, or an empty string if there is none."""
    return base64.urlsafe_b64encode(f"{end}.{_list_id(call)}".encode()).decode() if end < total else ""


def start_of(call: Call) -> int:
    """Return where the page asked for begins: 0 without a token.

    Raises:
        BadTokenError: the token is none of this API's, or of a request with another list, filter or order.
    """
    token = call.query.get("pageToken")
    if not token:
        return 0
    try:
        offset, _, list_id = base64.urlsafe_b64decode(str(token).encode()).decode().partition(".")
    except (ValueError, UnicodeError):
        offset = list_id = ""
    if not (offset.isascii() and offset.isdigit()):
        msg = "The page token is not one that this API gave."
        raise BadTokenError(msg)
    if list_id != _list_id(call):
        msg = "The page token is of another request: its list, filter and order must be the same."
        raise BadTokenError(msg)
    return int(offset)


def _list_id(call: Call) -> str:
    query = sorted((name, str(value)) for name, value in call.query.items() if name not in _FREE and value)
    text = repr((call.method.id, sorted(call.path.items()), query))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
