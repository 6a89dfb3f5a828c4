"""Timer units: when they have another unit started. Exact to the second; AccuracySec= is not made use of."""

from __future__ import annotations

import os
import time

from .journal import ERROR
from .on_calendar import CalendarError, CalendarEvent
from .service import Service
from .unitfile import UnitError, parse_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_STAMPS = "/var/lib/systemd/timers"
_LOOK_AGAIN = 60.0  # seconds: the clock of the wall may be set meanwhile
_ONCE = ("OnActiveSec", "OnBootSec", "OnStartupSec")
_AGAIN = ("OnUnitActiveSec", "OnUnitInactiveSec")


class TimerUnit(Service):
    """A timer. It is `waiting` while it has a next time, and `elapsed` when it has none any more."""

    began = 0.0  # when it was started, by the clock that is never set
    last = 0.0  # when it had its unit started, since the epoch; 0: never yet
    next = 0.0  # when it will, since the epoch; 0: never

    @property
    def kind(self) -> str:
        """It is a timer."""
        return "timer"

    @property
    def activates(self) -> str:
        """The unit that it has started."""
        return self.file.get("Timer", "Unit") or f"{self.name.removesuffix('.timer')}.service"

    def timing(self) -> dict[str, object]:
        """Return its times, in seconds since the epoch, and what it starts."""
        return {"NextElapse": self.next, "LastTrigger": self.last, "Triggers": self.activates}

    def start(self, done: Callable[[str], None]) -> None:
        """Start it; `done("")`, or done with why it cannot be."""
        if self.active == "active":
            done("")
            return
        try:
            self._events = [CalendarEvent(text) for text in self.file.all("Timer", "OnCalendar")]
        except CalendarError as error:
            self.say(f"{self.file.path}: {error}", priority=ERROR)
            self.set("failed", "failed")
            done("resources")
            return
        for note in self.file.notes:
            self.say(note, console=False)
        self.file.notes.clear()
        self.began, self._fired = time.monotonic(), set[str]()
        self.last = self._stamp() if self.file.flag("Timer", "Persistent") else 0.0
        self.set("active", "waiting")
        self.say(f"Started {self.title}.")
        self._arm()
        done("")

    def stop(self, done: Callable[[], None]) -> None:
        """Stop it; `done()` at once."""
        self.cancel()
        if self.active != "inactive":
            self.set("inactive", "dead")
            self.say(f"{self.name}: Deactivated successfully.")
            self.say(f"Stopped {self.title}.")
        done()

    def _arm(self) -> None:
        """Have it look again when its next time has come."""
        self.cancel()
        if self.active != "active":
            return
        left = self._left()
        self.next = time.time() + left if left is not None else 0.0
        self.set("active", "waiting" if left is not None else "elapsed")
        if left is not None:
            self.later(min(max(left, 0.0), _LOOK_AGAIN), self._look)

    def _look(self) -> None:
        """Have the unit started if it is time."""
        if time.time() < self.next:
            self._arm_for_the_rest()
            return
        now = time.monotonic()
        self._fired |= {key for key in _ONCE if self._once(key) is not None and (self._once(key) or 0) <= now}
        self.last = time.time()
        self._touch()
        self.set("active", "running")
        try:
            self.manager.start([self.activates], lambda _: self._arm())
            unit = self.manager.unit(self.activates)
        except UnitError as error:
            self.say(f"{self.name}: Failed to queue unit startup job: {error}", priority=ERROR)
            self._arm()
            return
        if unit.active != "inactive" and self.file.get("Timer", "OnUnitInactiveSec"):
            unit.when_over(self._arm)

    def _arm_for_the_rest(self) -> None:
        self.later(min(max(self.next - time.time(), 0.0), _LOOK_AGAIN), self._look)

    def _left(self) -> float | None:
        """Return in how many seconds its next time comes; None: never."""
        now, wall = time.monotonic(), time.time()
        times = [
            when - now for key in _ONCE if key not in self._fired and (when := self._once(key)) is not None
        ]
        for key in _AGAIN:
            span = self.file.get("Timer", key)
            since = self._unit_since(key)
            if span and since:
                times.append(since + parse_seconds(span, 0.0) - wall)
        for event in self._events:
            after = event.after(self.last or wall)
            if after is not None:
                times.append(after - wall)
        if not times:
            return None
        return max(0.0, min(times)) + self._random_delay()

    def _once(self, key: str) -> float | None:
        """Return when this comes, by the clock that is never set."""
        span = self.file.get("Timer", key)
        if not span:
            return None
        return (self.began if key == "OnActiveSec" else self.manager.booted) + parse_seconds(span, 0.0)

    def _unit_since(self, key: str) -> float:
        """Return when its unit was last started, or ended, since the epoch; 0: it has not been."""
        try:
            unit = self.manager.unit(self.activates)
        except UnitError:
            return 0.0
        if key == "OnUnitActiveSec":
            return max(self.last, unit.since if unit.active == "active" else 0.0)
        return unit.since if unit.invocation and unit.active in {"inactive", "failed"} else 0.0

    def _random_delay(self) -> float:
        span = parse_seconds(self.file.get("Timer", "RandomizedDelaySec"), 0.0)
        return int.from_bytes(os.urandom(4), "big") / 2**32 * span

    def _stamp(self) -> float:
        """Return when a persistent timer had its unit started last, in an earlier boot maybe; one that never did counts from now."""
        path = f"{_STAMPS}/stamp-{self.name}"
        try:
            return os.stat(path).st_mtime
        except OSError:
            self._touch()
            return time.time()

    def _touch(self) -> None:
        if self.file.flag("Timer", "Persistent"):
            os.makedirs(_STAMPS, exist_ok=True)
            with open(f"{_STAMPS}/stamp-{self.name}", "wb"):
                os.utime(f"{_STAMPS}/stamp-{self.name}")
