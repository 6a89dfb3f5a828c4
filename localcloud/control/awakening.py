"""A cloud whose machines are all gone (it was stopped, or its host was) knows nothing of their health any more: nobody probed it since.

Nor is any of them one that crashed: they went with their host, as whatever a daemon saw of their last moments looks like crashes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.control import intents

if TYPE_CHECKING:
    from localcloud.store import Store


def forget_health(store: Store) -> None:
    """Return every verdict to unknown, who gets traffic and who crashed to nobody, before the controllers start on an empty world."""
    with store.transaction() as change:
        for prefix in ("control/backends/", "control/eligible/"):
            for key, _ in store.scan(prefix):
                change.delete(key)
        for key, record in store.scan("control/managed/"):
            change.put(key, {**record, "health": "UNKNOWN", "healthSince": 0.0, "cpu": None})
        for key, record in store.scan(intents.PREFIX):
            if "crashedAt" in record:
                change.put(key, {name: value for name, value in record.items() if name != "crashedAt"})
