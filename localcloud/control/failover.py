"""Which pool of a rule's backends is in use, and until when the other one may go on with the connections it has.

Google drains connections on failover and failback for ten minutes at most, whatever the service's own draining time is; then they are
cut off. Kept for rules with failover backends, under ``control/failover/{forwarding rule}``: ``{"backups": in use, "until": cloud
seconds, None when nothing drains}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from localcloud.store import Store

PREFIX = "control/failover/"
DRAINING_SECONDS = 600.0


def note(store: Store, rule: str, *, backups: bool, now: float) -> float | None:
    """Note which pool is in use now; return when the other one's connections are cut off, None if that has happened or there are none."""
    before = store.get(PREFIX + rule)
    until: float | None = None
    if before is not None:
        until = before["until"] if before["backups"] == backups else now + DRAINING_SECONDS
        if until is not None and until <= now:
            until = None
    record = {"backups": backups, "until": until}
    if record != before:
        with store.transaction() as change:
            change.put(PREFIX + rule, record)
    return until


def draining(store: Store, rule: str) -> bool:
    """Say whether the pool that is not in use may keep its connections."""
    return bool((store.get(PREFIX + rule) or {}).get("until"))


def forget(store: Store, but: Collection[str]) -> None:
    """Forget all rules but these."""
    gone = [key for key in store.keys(PREFIX) if key.removeprefix(PREFIX) not in but]
    if gone:
        with store.transaction() as change:
            for key in gone:
                change.delete(key)
