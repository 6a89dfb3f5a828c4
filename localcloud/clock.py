"""The cloud's clock: every timer and timestamp of the local cloud goes through one of these.

Cloud time is seconds since the Unix epoch, as a float. It may run faster than the wall (``RealClock`` with a speed) or only when
told to (``VirtualClock``), so the controllers that run live also run in tests and simulations without waiting.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from typing import Protocol

from localcloud.timestamp import rfc3339

__all__ = ["Clock", "RealClock", "VirtualClock", "rfc3339"]


class Clock(Protocol):
    """What a controller may know of time."""

    @property
    def speed(self) -> float:
        """Cloud seconds that pass in one real second."""
        ...

    def now(self) -> float:
        """Return the cloud's time: seconds since the Unix epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for this many cloud seconds."""
        ...


class RealClock:
    """Cloud time that follows the machine's monotonic clock, `speed` times as fast, from a given start."""

    def __init__(self, speed: float = 1.0, start: float | None = None) -> None:
        if not 0.1 <= speed <= 100:
            msg = f"clock speed {speed:g}: must be between 0.1 and 100 cloud seconds per second; use for instance --speed 10"
            raise ValueError(msg)
        self._speed = speed
        self._start = time.time() if start is None else start
        self._origin = time.monotonic()

    @property
    def speed(self) -> float:
        """Cloud seconds that pass in one real second."""
        return self._speed

    def now(self) -> float:
        """Return the cloud's time: seconds since the Unix epoch."""
        return self._start + (time.monotonic() - self._origin) * self._speed

    async def sleep(self, seconds: float) -> None:
        """Wait for this many cloud seconds."""
        await asyncio.sleep(max(0.0, seconds) / self._speed)


class VirtualClock:
    """Cloud time that moves only in `advance`; sleepers wake in order of their deadlines."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    @property
    def speed(self) -> float:
        """Virtual time has no relation to real time; 1 for those who divide by it."""
        return 1.0

    def now(self) -> float:
        """Return the cloud's time: seconds since the Unix epoch."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until `advance` has moved the clock this far."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + max(0.0, seconds), next(self._order), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Move the clock forward, waking each sleeper at exactly its own time."""
        end = self._now + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            when, _, future = heapq.heappop(self._sleepers)
            if future.done():
                continue  # it was woken by something else
            self._now = max(self._now, when)
            future.set_result(None)
            for _ in range(10):  # let the woken task run up to its next wait
                await asyncio.sleep(0)
        self._now = end
