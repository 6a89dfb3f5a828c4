"""Stories that follow from a seed alone; run as a program, it prints what those of some seeds come to."""

from __future__ import annotations

import random
import sys

from tests.localcloud.control.faults import Faults
from tests.localcloud.control.scenario import OPERATIONS, Step, run, run_with_faults

# How many of a daemon's writes meet a fault, by seed: few, many, every one.
RATES = (0.03, 0.2, 1.0)


def history(seed: int, length: int = 12) -> list[Step]:
    """Return what is asked and what befalls, drawn from a seed."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    return [(rng.choice(OPERATIONS), rng.randrange(1000)) for _ in range(length)]


def faults(seed: int) -> Faults:
    """Return the faults that the daemon's writes meet, drawn from a seed."""
    return Faults(seed=seed, rate=RATES[seed % len(RATES)])


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        number = int(argument)
        print(run(number, history(number)), run_with_faults(number, history(number, 10), faults(number)))
