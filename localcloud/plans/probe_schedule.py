"""When each prober probes: live and in simulation, from nothing but the probe's id, the prober's number and the cloud's time.

Probers do not agree with each other: each has a phase of its own, spread evenly by a hash. Nobody needs to remember a phase, so it
outlives a prober, and the cloud's clock may run at any speed.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.plans.probe import ProbeSpec


def phase(probe: str, prober: int = 0) -> float:
    """Return where in its interval a prober's probe starts, as a fraction: always the same for the same id and prober."""
    return (
        int.from_bytes(hashlib.blake2s(f"{probe}#{prober}".encode(), digest_size=4).digest(), "big") / 2**32
    )


def next_start(spec: ProbeSpec, prober: int, after: float, grain: float = 0.0) -> float:
    """Return the first cloud time after `after` at which this prober's probe starts; phases are multiples of `grain`, if there is one."""
    offset = phase(spec.id, prober) * spec.interval
    if grain:
        offset = math.floor(offset / grain) * grain
    return (math.floor((after - offset) / spec.interval) + 1) * spec.interval + offset
