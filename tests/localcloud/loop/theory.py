"""False removals: healthy instances that lose probes by chance, as theory has them and as the verdicts' state machine counts them.

A probe fails with chance `a` after one that succeeded and with chance `q` after one that failed; equal, they are independent. How many
probes an instance lasts from its last success until `k` failures in a row, on average, has a closed form:

    E = (1/a + (1 - q^(k-1)) / (1 - q)) / q^(k-1)        which for a = q = p is (1 - p^k) / (p^k (1 - p))

Of n probers, an odd number, that lose probes independently of each other, m = (n + 1) / 2 must have given up at once. One that has
given up is back with its first success, after R = 1 / (1 - q) probes; so it has given up for the share c = R / (E + R) of the time. A
removal is the moment at which one gives up, which each does once in E + R intervals, and finds m - 1 of the other n - 1 have given up
and the rest, as many, have not. Probers know nothing of each other, so that is a binomial chance, whether losses come in bursts or not,
and from one removal to the next it takes, in intervals,

    E_n = (E + R) / (n C(n-1, m-1) (c (1 - c))^(m-1))

That is for an endpoint whose probers go on, as a balancer's do. Autohealing's begin anew with the instance that takes the removed one's
place, so that a removal is less often soon followed by another; where E is ten times R or more, that was within a tenth when drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localcloud.control.health import Endpoint, Thresholds, condemned, healthy, judge
from localcloud.control.jury import Jury

if TYPE_CHECKING:
    from localcloud.plans.probe import ProbeResult


@dataclass(frozen=True)
class Losses:
    """How probes are lost, and how many in a row remove."""

    a: float
    q: float
    k: int

    @property
    def name(self) -> str:
        """The case, for a plot."""
        return f"a={self.a:g} q={self.q:g} k={self.k}"

    @property
    def expected(self) -> float:
        """Probes until a false removal, on average."""
        run = self.q ** (self.k - 1)
        return (1 / self.a + (1 - run) / (1 - self.q)) / run

    def apart(self, probers: int) -> float:
        """Intervals from one false removal to the next, on average, where an odd number of probers has a vote."""
        away = 1 / (1 - self.q)
        cycle = self.expected + away
        others = (probers - 1) // 2
        share = away / cycle
        return cycle / (probers * math.comb(probers - 1, others) * (share * (1 - share)) ** others)


CASES = (
    Losses(0.3, 0.3, 2), Losses(0.4, 0.4, 3), Losses(0.2, 0.2, 2), Losses(0.5, 0.5, 4),
    # bursts: the same share of lost probes as some of the above, but together
    Losses(0.05, 0.5, 2), Losses(0.05, 0.5, 3), Losses(0.1, 0.6, 4), Losses(0.02, 0.8, 3),
)  # fmt: skip


# by number of probers: how often each of these has its majority is within what can be waited for
VOTES = (
    (3, Losses(0.4, 0.4, 2)), (5, Losses(0.4, 0.4, 2)), (3, Losses(0.1, 0.6, 2)), (5, Losses(0.2, 0.6, 2)),
)  # fmt: skip


@dataclass
class Lasting:
    """What was seen of one case: probes of endpoints that stood, and removals.

    Their ratio is what an endpoint lasts on average. The mean of those spells alone that have ended would be too small: the longest are
    still under way when one stops counting.
    """

    probes: int = 0
    removals: int = 0

    @property
    def mean(self) -> float:
        """Probes until a removal."""
        return self.probes / self.removals


@dataclass
class Count:
    """One endpoint's removals, as the verdicts' own state machine decides them; it returns with its first success."""

    losses: Losses
    total: Lasting
    endpoint: Endpoint = field(default_factory=Endpoint)

    def take(self, result: ProbeResult) -> None:
        """Judge one more probe."""
        before = self.endpoint
        self.endpoint = judge(before, result, Thresholds(healthy=1, unhealthy=self.losses.k))
        if healthy(before.state):
            self.total.probes += 1
            self.total.removals += condemned(self.endpoint.state)


@dataclass
class Vote:
    """One endpoint's removals, as the majority of its probers decides them; all probes count, and what lasts is in probes of them all."""

    losses: Losses
    total: Lasting
    jury: Jury = field(default_factory=Jury)

    def take(self, result: ProbeResult) -> None:
        """Hear one more probe's outcome."""
        self.total.probes += 1
        if self.jury.take(result, Thresholds(healthy=1, unhealthy=self.losses.k)) is not None:
            self.total.removals += condemned(self.jury.state)
