"""What the loop looks at: kinds of keys, in the order in which those due at the same time are looked at."""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """A kind of key; its name is told when looking at one fails."""

    REQUEST = 0
    AUTOSCALER = 1
    GROUP = 2
    NETWORK = 3
    MACHINE = 4
    PROBES = 5
    BALANCER = 6
    SWEEP = 7
    SAMPLE = 8
    RESYNC = 9
    FAULTS = 10
    DISKS = 11
