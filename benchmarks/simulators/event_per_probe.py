"""A SimPy model of a group with an event per probe, as one would write it first: run by the environment that has SimPy.

`event_per_probe.py INSTANCES HOURS` prints {"processor_sec": ..., "probes": ...}. Each instance boots, and then two processes probe it for
the rest of the time, each at its check's interval and phase, and count consecutive results against its thresholds. There are no
controllers in it, no store, no balancer: it does much less than the local cloud's simulation.
"""

from __future__ import annotations

import json
import random
import sys
import time
from typing import TYPE_CHECKING, Any

import simpy

if TYPE_CHECKING:
    from collections.abc import Generator

CHECKS = (
    (30.0, 1, 5),
    (5.0, 2, 2),
)  # interval in seconds, healthy and unhealthy threshold: autohealing and balancer


class Endpoint:
    """What one check knows of one instance."""

    def __init__(self, healthy: int, unhealthy: int) -> None:
        self.healthy, self.unhealthy = healthy, unhealthy
        self.state, self.successes, self.failures = "UNKNOWN", 0, 0

    def take(self, *, answered: bool) -> None:
        """Count one result."""
        if answered:
            self.successes, self.failures = self.successes + 1, 0
            if self.successes >= self.healthy:
                self.state = "HEALTHY"
        else:
            self.successes, self.failures = 0, self.failures + 1
            if self.failures >= self.unhealthy:
                self.state = "UNHEALTHY"


class Model:
    """A group of instances."""

    def __init__(self, instances: int) -> None:
        self.environment = simpy.Environment()
        self.rng = random.Random(1)  # noqa: S311 - repeatable, not secret
        self.probes = 0
        self.endpoints: list[Endpoint] = []
        for _ in range(instances):
            self.environment.process(self._instance())

    def _instance(self) -> Generator[Any, Any, None]:
        yield self.environment.timeout(2.0 * self.rng.uniform(0.5, 1.5))
        ready = self.environment.now + 5.0 * self.rng.uniform(0.5, 1.5)
        for interval, healthy, unhealthy in CHECKS:
            endpoint = Endpoint(healthy, unhealthy)
            self.endpoints.append(endpoint)
            self.environment.process(self._prober(endpoint, interval, ready))

    def _prober(self, endpoint: Endpoint, interval: float, ready: float) -> Generator[Any, Any, None]:
        yield self.environment.timeout(self.rng.uniform(0.0, interval))
        while True:
            self.probes += 1
            endpoint.take(answered=self.environment.now >= ready)
            yield self.environment.timeout(interval)


def main(instances: int, hours: float) -> None:
    """Run and print."""
    began = time.process_time()
    model = Model(instances)
    model.environment.run(until=hours * 3600)
    if any(endpoint.state != "HEALTHY" for endpoint in model.endpoints):
        raise SystemExit("an instance never got healthy: the model is wrong")
    print(json.dumps({"processor_sec": time.process_time() - began, "probes": model.probes}))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
