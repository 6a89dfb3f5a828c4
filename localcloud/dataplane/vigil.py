"""Notices helpers that hang: who lives and owes an answer, and gives no sign of life for a long time, is ended and so replaced.

Time is counted in looks, each of which this process has lived through: while it, or the whole machine, stands still, nobody is late.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from localcloud.clock import Clock, RealClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

_log = logging.getLogger(__name__)
LOOK = 1.0  # real seconds between two looks
ASK_EVERY = 5  # looks between two questions to whoever owes nothing
PATIENCE = 20  # looks, for those who answer at once: far beyond what a busy machine takes
LONG_PATIENCE = 90  # looks, for those whose work may take its time


class Duty:
    """What one helper owes. Whoever asks it something does so within `owing`; any answer is a `sign` that it lives."""

    def __init__(
        self,
        what: str,
        end: Callable[[], int],
        *,
        patience: int = PATIENCE,
        ask: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`what`: how it is called. `end` ends it, and returns how many processes that were: none if it is not to be ended.

        `ask` asks it for a sign of life and returns once there is one, or it has ended; None: only what it is asked to do counts.
        """
        self.what, self.end, self.patience, self.ask = what, end, patience, ask
        self.hung = 0  # how often it has been ended for this
        self.owed = 0
        self._signs = self._seen = 0
        self._late = 0
        self._idle = 0

    @contextlib.contextmanager
    def owing(self) -> Iterator[None]:
        """Have it owe an answer for as long as the block lasts."""
        self.owe()
        try:
            yield
        finally:
            self.answered()

    def owe(self) -> None:
        """Have it owe one answer more, until `answered`."""
        self.owed += 1

    def answered(self) -> None:
        """Learn that it has given an answer, or that nobody waits for that any more."""
        self.owed -= 1
        self.sign()

    def sign(self) -> None:
        """Learn that it lives."""
        self._signs += 1

    def late(self) -> int:
        """Look; return for how many looks it has owed an answer and given no sign of life."""
        self._late = self._late + 1 if self.owed and self._signs == self._seen else 0
        self._seen = self._signs
        return self._late

    def to_be_asked(self) -> bool:
        """Look; return whether it is time to ask for a sign of life."""
        self._idle = 0 if self.owed else self._idle + 1
        if self.ask is None or self._idle < ASK_EVERY:
            return False
        self._idle = 0
        return True

    def excuse(self) -> None:
        """Begin to count anew."""
        self._late = 0


class Vigil:
    """Looks at everybody's duties, again and again."""

    def __init__(self, clock: Clock | None = None) -> None:
        """`clock` is this machine's, in real seconds."""
        self._clock = clock or RealClock()
        self._duties: list[Duty] = []
        self._asking: set[asyncio.Future[None]] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def duties(self) -> Sequence[Duty]:
        """What is looked at."""
        return self._duties

    def add(self, duty: Duty) -> Duty:
        """Look at this one, too."""
        self._duties.append(duty)
        return duty

    def begin(self) -> None:
        """Look from now on."""
        self._task = asyncio.ensure_future(self._run())

    def close(self) -> None:
        """Look no more."""
        for task in (self._task, *self._asking):
            if task is not None:
                task.cancel()
        self._task = None

    def look(self) -> None:
        """Look at everybody once: end who is late, and ask who is to be asked."""
        for duty in self._duties:
            try:
                self._look_at(duty)
            except Exception:  # noqa: BLE001 - one that cannot be looked at must not end the looks at the others
                _log.exception("the %s cannot be looked after", duty.what)

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(LOOK)
            self.look()

    def _look_at(self, duty: Duty) -> None:
        late = duty.late()
        if late >= duty.patience:
            duty.excuse()
            if duty.end():
                duty.hung += 1
                _log.warning(
                    "the %s has said nothing for %g s though it was asked: ended, for another to follow",
                    duty.what,
                    late * LOOK,
                )
            else:
                _log.warning(
                    "the %s has said nothing for %g s, and is left alone: a debugger holds it, or it is gone",
                    duty.what,
                    late * LOOK,
                )
        elif duty.to_be_asked():
            duty.owe()
            task = asyncio.ensure_future(self._ask(duty))
            self._asking.add(task)
            task.add_done_callback(lambda done: self._has_asked(done, duty))

    def _has_asked(self, task: asyncio.Future[None], duty: Duty) -> None:
        self._asking.discard(task)
        duty.answered()

    async def _ask(self, duty: Duty) -> None:
        assert duty.ask is not None  # noqa: S101 - it was to be asked
        with contextlib.suppress(EOFError, OSError, RuntimeError):
            await duty.ask()
