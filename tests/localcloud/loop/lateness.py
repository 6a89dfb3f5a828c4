"""How late this machine is by itself: a timer in a process of its own that does nothing but be on time, while the cloud is measured.

Where it was late, the machine had no time for anybody, and what was measured then says nothing of the cloud.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PERIOD = 0.1  # seconds
WORK = 0.01  # seconds of a processor
_WORTH_TELLING = 0.005
# It wakes up, and then has some work to do, as the cloud has for a decision: a machine that is full lets sleepers run at once, and
# workers wait. What it was late by is what it waited for a processor, asleep or at work.
_TIMER = """
import sys, time
period, work, worth = map(float, sys.argv[1:])
due = time.monotonic() + period
while True:
    time.sleep(max(0.0, due - time.monotonic()))
    began = time.thread_time()
    while time.thread_time() - began < work:
        pass
    late = time.monotonic() - due - (time.thread_time() - began)
    if late > worth:
        print(due, late, flush=True)
    due = max(due + period, time.monotonic())
"""


class ControlTimer:
    """The moments at which the machine was late, in real seconds of its monotonic clock."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._late: list[tuple[float, float]] = []
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def begin(cls) -> Self:
        """Start the timer."""
        command = [sys.executable, "-ISEc", _TIMER, str(PERIOD), str(WORK), str(_WORTH_TELLING)]
        return cls(await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE))

    async def end(self) -> None:
        """Stop the timer."""
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()
        await self._reader

    def worst(self, since: float, until: float) -> float:
        """Return by how much it was late at worst between two times of the monotonic clock, in seconds."""
        return max((late for due, late in self._late if since - late <= due <= until), default=0.0)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            due, late = map(float, line.split())
            self._late.append((due, late))


@asynccontextmanager
async def control_timer() -> AsyncIterator[ControlTimer]:
    """Have a timer run meanwhile."""
    timer = await ControlTimer.begin()
    try:
        yield timer
    finally:
        await timer.end()
