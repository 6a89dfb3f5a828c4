"""When a process that has ended is started again: at once, but ever later if the next ones do not live either."""

from __future__ import annotations

import logging
import math

from localcloud.clock import Clock, RealClock

_log = logging.getLogger(__name__)
FIRST, LONGEST = 0.5, 30.0  # seconds before the second start in a row, doubling up to the longest
STEADY = 60.0  # whoever lived so long has not died of its start


class Restarts:
    """How often processes of one kind have ended one after the other, and how long the next one's start has to wait for that.

    Times are real seconds, by a clock of this machine's: it is this machine that is in trouble, whatever the cloud's speed.
    """

    def __init__(self, what: str, clock: Clock | None = None) -> None:
        """`what`: how the process is called."""
        self._what, self._clock = what, clock or RealClock()
        self._began = -math.inf
        self._due = -math.inf
        self._ends = 0  # in a row

    def began(self) -> None:
        """Learn that one has been started."""
        self._began = self._clock.now()

    async def wait(self) -> None:
        """Wait until another may be started, after one has ended or could not be started."""
        now = self._clock.now()
        if now - self._began >= STEADY and now - self._due >= STEADY:
            self._ends = 0
        pause = min(LONGEST, FIRST * 2 ** (self._ends - 1)) if self._ends else 0.0
        self._ends += 1
        self._due = now + pause
        if pause:
            _log.warning("%s", self.problem())
            await self._clock.sleep(pause)

    def problem(self) -> str:
        """Say what is the matter, if they do not live long; empty if the one that is there has lived long enough, or only one ended."""
        now = self._clock.now()
        if self._ends < 2 or now - max(self._began, self._due) >= STEADY:
            return ""
        words = f"the {self._what} ended {self._ends} times in a row within {STEADY:g} s of its start"
        return f"{words}; the next is started in {self._due - now:.3g} s" if now < self._due else words
