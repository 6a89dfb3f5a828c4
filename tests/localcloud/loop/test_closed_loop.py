"""Instances die and hang under settings drawn by lot; the loop closes as the settings promise."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.localcloud.loop import plot
from tests.localcloud.loop.live import live_cloud
from tests.localcloud.loop.trials import ALLOWANCE, Step, Trial, settled, trials

pytestmark = pytest.mark.kernel

DOCS = Path(__file__).resolve().parents[3] / "docs"
SEED = 20261123


def campaign(count: int, groups: int, speed: float) -> list[Trial]:
    """Run trials on a cloud of their own."""
    rng = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    with live_cloud(speed) as cloud:
        names = cloud.build(groups, 2)
        settled(cloud, groups * 2)
        return list(trials(cloud, names, count, rng))


def broken(found: list[Trial], slack: float) -> list[tuple[Trial, Step]]:
    """Return the steps that were out of their bounds."""
    return [(trial, step) for trial in found for step in trial.steps if not step.kept(slack)]


def test_the_loop_closes_and_never_too_soon() -> None:
    """A few, on a machine that may be busy: then late proves nothing, but early does, and so does an end that never comes."""
    found = campaign(count=2, groups=2, speed=20)
    assert len(found) == 2
    early = [
        (trial, step)
        for trial in found
        for step in trial.steps
        if step.took
        < step.least - ALLOWANCE * 20  # the death itself is written down a moment before it comes
    ]
    assert early == []


@pytest.mark.campaign
def test_a_thousand_deaths_and_hangs_are_noticed_drained_recreated_and_returned_in_time() -> None:
    speed = 20.0
    found = campaign(count=1000, groups=4, speed=speed)
    late = broken(found, ALLOWANCE * speed)
    (DOCS / "closed-loop.svg").write_text(plot.detections(found), encoding="utf-8")
    print(*late, sep="\n")
    assert len({id(trial) for trial, _ in late}) <= len(found) * 0.001
