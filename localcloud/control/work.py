"""A queue of things to look at: each key at most once, now or at a time, with back-off for those that failed."""

from __future__ import annotations

import heapq


class WorkQueue:
    """Keys that are due, and keys with a time. Everything is kept in a definite order, so that runs are repeatable."""

    def __init__(self) -> None:
        self._ready: set[tuple[int, str]] = set()
        self._timed: dict[tuple[int, str], float] = {}
        self._heap: list[tuple[float, tuple[int, str]]] = []
        self._failures: dict[tuple[int, str], int] = {}
        self._held: dict[tuple[int, str], float] = {}

    def add(self, key: tuple[int, str]) -> None:
        """Ask for a look as soon as possible."""
        self._ready.add(key)

    def add_at(self, key: tuple[int, str], when: float) -> None:
        """Ask for a look at a time; the earlier of several wins."""
        known = self._timed.get(key)
        if known is None or when < known:
            self._timed[key] = when
            heapq.heappush(self._heap, (when, key))

    def take(self, now: float) -> list[tuple[int, str]]:
        """Return, in order, what is due, and forget it."""
        while self._heap and self._heap[0][0] <= now:
            when, key = heapq.heappop(self._heap)
            if self._timed.get(key) == when:
                del self._timed[key]
                self._ready.add(key)
        due = []
        for key in sorted(self._ready):
            until = self._held.get(key, 0.0)
            if until > now:
                self.add_at(key, until)
            else:
                self._held.pop(key, None)
                due.append(key)
        self._ready.clear()
        return due

    def hold(self, key: tuple[int, str], until: float) -> None:
        """Look at this key not again before then, however often it is asked for; what comes meanwhile is looked at together."""
        self._held[key] = until

    def next_time(self) -> float | None:
        """Return the time of the earliest key that is not due yet."""
        while self._heap and self._timed.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    @property
    def idle(self) -> bool:
        """Say whether nothing is due now."""
        return not self._ready

    def failed(self, key: tuple[int, str], now: float) -> float:
        """Note a failure; look again after 1, 2, 4 ... at most 60 seconds. Returns that wait."""
        failures = self._failures.get(key, 0) + 1
        self._failures[key] = failures
        wait = min(60.0, 2.0 ** min(failures - 1, 6))
        self.add_at(key, now + wait)
        return wait

    def succeeded(self, key: tuple[int, str]) -> None:
        """Forget earlier failures."""
        self._failures.pop(key, None)
