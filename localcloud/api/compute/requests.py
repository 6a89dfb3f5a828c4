"""What is asked of the controllers beyond a document's content: written down under ``control/requests/``, deleted when done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.api.compute.draft import Draft

_PREFIX = "control/requests/"


def ask(draft: Draft, verb: str, args: Mapping[str, Any] | None = None) -> str:
    """Put a request into the draft's writes and return its key.

    The record is {"verb", "target" (relative name), "args", "at" (cloud time)}; keys sort in the order of asking. Whoever carries
    it out deletes it, which finishes the operation that waits for it.
    """
    number = draft.cloud.store.next_number("request")
    key = f"{_PREFIX}{number:012d}"
    draft.writes[key] = {
        "verb": verb,
        "target": draft.relname,
        "args": dict(args or {}),
        "at": draft.cloud.clock.now(),
    }
    return key
