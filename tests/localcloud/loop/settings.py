"""What a health check may be set to, drawn by lot, and what it then promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

# Google takes intervals and time-outs of 1 to 300 s, and 1 to 10 of each threshold.
MOST = 10


@dataclass(frozen=True)
class Settings:
    """One check's: seconds, seconds, and counts."""

    interval: int
    timeout: int
    unhealthy: int
    healthy: int

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


@dataclass(frozen=True)
class Stratum:
    """Settings that take about as long as each other, and how fast the cloud's clock runs for them.

    A trial lasts as long as its settings say, and the machine's lateness grows with the clock's speed: so long intervals have a fast
    clock, and short ones a slow one. The shortest time-out is also how long a healthy instance may take; it is 0.4 s of this machine's in
    each stratum. `longest`: neither a detection nor a return takes longer.
    """

    name: str
    speed: float
    least: int  # interval and time-out
    most: int
    longest: int

    def draw(self, rng: random.Random) -> Settings:
        """Draw by lot, of all there are."""
        while True:
            interval = rng.randint(self.least, self.most)
            timeout = rng.randint(self.least, interval)
            drawn = Settings(interval, timeout, rng.randint(1, MOST), rng.randint(1, MOST))
            if drawn.detection[1] <= self.longest and drawn.streak <= self.longest:
                return drawn


QUICK = Stratum("quick", speed=2.5, least=1, most=5, longest=40)
USUAL = Stratum("usual", speed=5.0, least=2, most=30, longest=90)
SLOW = Stratum("slow", speed=60.0, least=24, most=300, longest=3300)
# in tenths of a campaign
SHARES = ((USUAL, 8), (QUICK, 1), (SLOW, 1))
