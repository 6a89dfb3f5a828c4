"""What a health check may be set to, drawn by lot, and what it then promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

# Google takes intervals of 1 to 300 s and thresholds of 1 to 10. A trial lasts as long as its settings say, so the longest are left out.
LONGEST_INTERVAL, MOST_FAILURES, MOST_SUCCESSES, LONGEST_DETECTION = 30, 10, 4, 90
# A time-out is also how long a healthy instance may take: with one of 2 s, at five times the speed, 0.4 s of this machine's.
LEAST_TIMEOUT = 2


@dataclass(frozen=True)
class Settings:
    """One check's: seconds, seconds, and counts."""

    interval: int
    timeout: int
    unhealthy: int
    healthy: int

    @classmethod
    def draw(cls, rng: random.Random) -> Settings:
        """Draw by lot, of all there are."""
        while True:
            interval = rng.randint(LEAST_TIMEOUT, LONGEST_INTERVAL)
            timeout = rng.randint(LEAST_TIMEOUT, interval)
            drawn = cls(interval, timeout, rng.randint(1, MOST_FAILURES), rng.randint(1, MOST_SUCCESSES))
            if drawn.detection[1] <= LONGEST_DETECTION:
                return drawn

    @classmethod
    def draw_mild(cls, rng: random.Random) -> Settings:
        """Draw such as end soon, and that a busy machine keeps."""
        interval = rng.randint(5, 8)
        return cls(interval, interval, rng.randint(2, 3), rng.randint(1, 2))

    @property
    def detection(self) -> tuple[float, float]:
        """How soon and how late a silent death is noticed: (k-1)I+T to kI+T."""
        least = (self.unhealthy - 1) * self.interval + self.timeout
        return least, least + self.interval

    @property
    def refusal(self) -> tuple[float, float]:
        """The same of a death that does not leave the probe that notices it waiting: T sooner."""
        return (self.unhealthy - 1) * self.interval, self.unhealthy * self.interval

    @property
    def mean_detection(self) -> float:
        """How long until a silent death is noticed, on average: (k-1/2)I+T."""
        return sum(self.detection) / 2

    @property
    def streak(self) -> float:
        """From the first success to the one that is believed: (h-1)I."""
        return (self.healthy - 1) * self.interval
