"""The cloud's clock across restarts: a daemon that comes back must not turn time back, nor forget the time it was away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from localcloud.clock import RealClock

if TYPE_CHECKING:
    from localcloud.store import Store

KEY = "cloud/clock"  # {"wall": seconds, "cloud": seconds, "speed": factor, "stopped": bool}


def resume(store: Store, speed: float | None, *, wall: float | None = None) -> RealClock:
    """Return the clock that goes on from what the store remembers.

    After a crash, cloud time has gone on meanwhile (instances lived on); after an orderly stop it stood still, but is never behind
    the wall. `speed` None keeps the last one (1 for a new cloud); `wall` is the machine's time, seconds since the epoch.
    """
    wall = time.time() if wall is None else wall
    last = store.get(KEY)
    if last is None:
        clock = RealClock(speed or 1.0, start=wall)
    else:
        now = last["cloud"] if last["stopped"] else last["cloud"] + (wall - last["wall"]) * last["speed"]
        clock = RealClock(speed or last["speed"], start=max(now, wall))
    _note(store, clock, wall, stopped=False)
    return clock


def suspend(store: Store, clock: RealClock, *, wall: float | None = None) -> None:
    """Remember the time of an orderly stop."""
    _note(store, clock, time.time() if wall is None else wall, stopped=True)


def _note(store: Store, clock: RealClock, wall: float, *, stopped: bool) -> None:
    with store.transaction() as change:
        change.put(KEY, {"wall": wall, "cloud": clock.now(), "speed": clock.speed, "stopped": stopped})
