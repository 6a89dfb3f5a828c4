"""What instances may have the daemon do for them, and how it is divided: nobody's loop is at the cost of the others.

The daemon answers all instances' metadata servers, name servers and Google's APIs in one thread, and its controllers and the probers'
results wait in the same line. So each instance has so many requests a second, all of them together have so many, and where these are used
up everyone has an equal part. Who wants more waits: nothing is lost, and no more of the daemon's time is taken.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.clock import Clock
    from localcloud.guest.room import Room

EACH, BURST = 100.0, 200.0  # of one instance: requests in a second for good, and at once after a rest
ALL = 1000.0  # of all instances: requests in a second
MOST_CONNECTIONS = 256  # at once, of one instance to one listener; Google's metadata server has a bound for those that wait, too
MOST_WAITING = 64  # requests of one instance for their turn; further ones are refused
REFUSED_AFTER = 1.0  # seconds: a refusal costs the daemon something, too
_FAIR_BURST = 20.0  # that each may have at once however much the others want
_LEAST_WAIT = 0.001  # seconds; also what is so near to a turn that it is one


class Bucket:
    """So many turns at once, and others as time passes."""

    def __init__(self, clock: Clock, size: float, rate: Callable[[], float]) -> None:
        """`size`: turns at once, which are there to begin with. `rate` returns the turns that come in a second."""
        self._clock, self._size, self._rate = clock, size, rate
        self._level, self._filled = size, clock.now()

    def wait(self) -> float:
        """Return the seconds until there is a turn; 0 if there is one."""
        now, rate = self._clock.now(), self._rate()
        self._level = min(self._size, self._level + (now - self._filled) * rate)
        self._filled = now
        missing = (1 - self._level) / rate
        return max(missing, _LEAST_WAIT) if missing > _LEAST_WAIT / 1000 else 0.0

    def take(self) -> None:
        """Take a turn, also one that is not there yet."""
        self._level = max(self._level - 1, -self._size)


class Shares:
    """All instances of a cloud. Time is real: it is this machine's processor that is shared."""

    def __init__(self, clock: Clock, room: Room) -> None:
        self.clock, self._room = clock, room
        self.machines = 0
        self.connections = 0  # all machines'
        self.pool = Bucket(clock, ALL, lambda: ALL)

    def fair_rate(self) -> float:
        """Return the turns in a second that each machine has at least."""
        return min(EACH, ALL / max(1, self.machines))

    def fair_connections(self) -> int:
        """Return the connections that each machine may have to each listener at least."""
        return max(1, self._room.connections // (2 * max(1, self.machines)))

    def admits(self, own: int) -> bool:
        """Return whether a listener that has so many connections may have another."""
        if own >= MOST_CONNECTIONS:
            return False
        return self.connections < self._room.connections or own < self.fair_connections()


class Allowance:
    """One instance's share, from `open` to `close`."""

    def __init__(self, shares: Shares) -> None:
        self.shares = shares
        self._own = Bucket(shares.clock, BURST, lambda: EACH)
        self._fair = Bucket(shares.clock, _FAIR_BURST, shares.fair_rate)
        self._turn = asyncio.Lock()
        self._waiting = 0

    def wait(self) -> float:
        """Return the seconds until this instance may have something done; 0 if it may."""
        own = self._own.wait()
        if own > 0 or self.shares.pool.wait() == 0:
            return own
        return self._fair.wait()

    def take(self) -> None:
        """Count something that is done for it."""
        if self.shares.pool.wait() > 0:
            self._fair.take()
        self.shares.pool.take()
        self._own.take()

    async def turn(self) -> bool:
        """Wait for a turn, in the order of asking, and take it; False: too many wait already, and this one has waited for nothing."""
        if self._waiting >= MOST_WAITING:
            await self.shares.clock.sleep(REFUSED_AFTER)
            return False
        self._waiting += 1
        try:
            async with self._turn:
                while (seconds := self.wait()) > 0:
                    await self.shares.clock.sleep(seconds)
                self.take()
                return True
        finally:
            self._waiting -= 1
