"""Keeps what load each autoscaled group had, under ``control/load-history/{autoscaler}``: one write per slot of ten minutes.

It is kept whether the autoscaler forecasts or not, as Google's is: a method that is switched on finds the days that passed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.control import forecast
from localcloud.control.forecast import History

if TYPE_CHECKING:
    from localcloud.store import Store

PREFIX = "control/load-history/"
# Samples are taken to be of one stretch of time if they are no further apart: at high speed of the clock they are sparse.
_STRETCH = 3600.0


class LoadHistory:
    """Notes samples of groups' loads. What was seen of a slot that is not over is lost with the daemon."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._current: dict[
            str, tuple[int, float, float]
        ] = {}  # slot, greatest load, when it was sampled last

    def note(self, autoscaler: str, load: float | None, now: float) -> None:
        """Take a sample; None: nothing is measured now."""
        if load is None:
            return
        slot = forecast.slot_of(now)
        began, peak, at = self._current.get(autoscaler, (slot, load, now))
        if slot == began:
            self._current[autoscaler] = (slot, max(peak, load), now)
            return
        self._current[autoscaler] = (slot, load, now)
        history = self.of(autoscaler).noted(began, peak)
        if now - at <= _STRETCH:
            for between in range(began + 1, slot):
                history = history.noted(between, load)
        with self._store.transaction() as change:
            change.put(PREFIX + autoscaler, history.document())

    def of(self, autoscaler: str) -> History:
        """Return what is known."""
        return History.parse(self._store.get(PREFIX + autoscaler))

    def forget(self, autoscaler: str) -> None:
        """Drop the history of an autoscaler that is gone."""
        self._current.pop(autoscaler, None)
        if self._store.get(PREFIX + autoscaler) is not None:
            with self._store.transaction() as change:
                change.delete(PREFIX + autoscaler)
