"""What several probers find out about one endpoint: each judges for itself, and the verdict is what most of them say.

The thresholds are each prober's own, as interval and timeout are: that is why a verdict takes as long as with one prober, however
many there are. Google documents so much; how it puts its probers' findings together it does not say. Here it is the majority, and
while there is none the last verdict stands. A death is seen by the middle one of the probers, so within the same bounds,
(k-1)I+T to kI+T, and as soon on average with an odd number of probers; it is lost probes of chance that several see more seldom.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from localcloud.control.health import Endpoint, HealthState, condemned, judge

if TYPE_CHECKING:
    from localcloud.control.health import Thresholds
    from localcloud.plans.probe import ProbeResult


class Jury:
    """The probers of one endpoint. `state`: what they agree on; `ever_healthy`: whether that was ever HEALTHY."""

    __slots__ = ("_begin", "_probers", "_views", "ever_healthy", "state")

    def __init__(self, remembered: Endpoint | None = None) -> None:
        """Begin with what is remembered: it stands until most probers have as many new results as the thresholds want."""
        self._begin = remembered or Endpoint()
        self._views: dict[int, Endpoint] = {}
        self._probers = 0
        self.state: HealthState = self._begin.state
        self.ever_healthy = self._begin.ever_healthy

    def take(
        self, result: ProbeResult, thresholds: Thresholds, *, grace_until: float = 0.0
    ) -> Endpoint | None:
        """Count one more result; return how its prober came to see it so if that changed what they agree on, else None."""
        if self._probers not in {0, result.probers}:
            self._recompose(result.probers)
        before = self._views.get(result.prober, self._begin)
        if before.ever_healthy != self.ever_healthy:  # the initial delay ends for all of them at once
            before = replace(before, ever_healthy=self.ever_healthy)
        after = judge(before, result, thresholds, grace_until=grace_until)
        self._views[result.prober] = after
        if after.state == before.state and result.probers == self._probers:
            return None
        self._probers = result.probers
        agreed = self._agreed(after.state)
        if agreed == self.state:
            return None
        self.state = agreed
        self.ever_healthy = self.ever_healthy or agreed == "HEALTHY"
        return after

    def _recompose(self, probers: int) -> None:
        """Have who comes begin with the verdict as it stands, and forget what those saw that go: it is long past when they come again."""
        self._begin = Endpoint(state=self.state, ever_healthy=self.ever_healthy)
        self._views = {prober: view for prober, view in self._views.items() if prober < probers}

    def _agreed(self, latest: HealthState) -> HealthState:
        states = [self._views.get(prober, self._begin).state for prober in range(self._probers)]
        if 2 * states.count("HEALTHY") > len(states):
            return "HEALTHY"
        timeouts, wrong = states.count("TIMEOUT"), states.count("UNHEALTHY")
        standing = condemned(self.state)
        if 2 * (timeouts + wrong) <= len(states) or (standing and not condemned(latest)):
            return self.state
        if timeouts != wrong:
            return "TIMEOUT" if timeouts > wrong else "UNHEALTHY"
        return self.state if standing else latest
