"""Wakes whoever waits for an event at a time, too."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.clock import Clock


class Alarm:
    """One time at which an event is set; setting another time replaces it, the same time again costs nothing."""

    def __init__(self, clock: Clock, event: asyncio.Event) -> None:
        self._clock, self._event = clock, event
        self._when: float | None = None
        self._task: asyncio.Task[None] | None = None

    def set(self, when: float | None) -> None:
        """Ring at this cloud time; None: not at all."""
        if when == self._when and self._task is not None and not self._task.done():
            return
        self.stop()
        self._when = when
        if when is not None:
            self._task = asyncio.ensure_future(self._ring(when))

    def stop(self) -> None:
        """Do not ring."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _ring(self, when: float) -> None:
        await self._clock.sleep(max(0.0, when - self._clock.now()))
        self._event.set()
