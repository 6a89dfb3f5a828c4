"""For all tests: properties are tried with the same examples each time, however slow the machine is at the moment.

A test that draws others at each run, or has hypothesis' 200 ms for each, fails changes that have nothing to do with it. Other examples are
for `make campaign`, whose tests say so (`derandomize=False`).
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")
