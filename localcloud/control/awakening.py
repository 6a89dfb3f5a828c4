"""A cloud whose machines are all gone (it was stopped, or its host was) knows nothing of their health any more: nobody probed it since."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.store import Store


def forget_health(store: Store) -> None:
    """Return every verdict to unknown, and who gets traffic to nobody, before the controllers start on an empty world."""
    with store.transaction() as change:
        for prefix in ("control/backends/", "control/eligible/"):
            for key, _ in store.scan(prefix):
                change.delete(key)
        for key, record in store.scan("control/managed/"):
            change.put(key, {**record, "health": "UNKNOWN", "healthSince": 0.0, "cpu": None})
