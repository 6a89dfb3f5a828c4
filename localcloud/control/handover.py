"""Groups that a backend service has turned away from: their connections may go on for the draining time, as on Google Cloud.

What a service had before is kept under ``control/behind/{backend service}``: ``{"groups": [...], "draining": {group: until}}``, in cloud
seconds. A group that is back is no longer draining.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.control import serving

if TYPE_CHECKING:
    from localcloud.store import Store

_PREFIX = "control/behind/"


def note(store: Store, now: float) -> float | None:
    """Compare every backend service's groups with those it had; return when the next draining ends, None if nothing drains."""
    present: dict[str, dict[str, object]] = {}
    ends: list[float] = []
    for service in serving.services(store):
        groups = sorted({group for group, _ in service.groups})
        before = store.get(_PREFIX + service.key) or {"groups": [], "draining": {}}
        draining = {group: until for group, until in before["draining"].items() if until > now}
        draining |= {group: now + service.drain for group in before["groups"] if service.drain > 0}
        draining = {group: until for group, until in draining.items() if group not in groups}
        ends += draining.values()
        present[_PREFIX + service.key] = {"groups": groups, "draining": draining}
    gone = [key for key, _ in store.scan(_PREFIX) if key not in present]
    changed = {key: record for key, record in present.items() if store.get(key) != record}
    if gone or changed:
        with store.transaction() as change:
            for key in gone:
                change.delete(key)
            for key, record in changed.items():
                change.put(key, record)
    return min(ends, default=None)


def draining(store: Store, service: str) -> tuple[str, ...]:
    """Return the groups whose connections to a backend service are still coming to their end."""
    return tuple(sorted((store.get(_PREFIX + service) or {"draining": {}})["draining"]))
