"""Instances die and hang under settings drawn by lot; the loop closes as the settings promise."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.docs import closed_loop_results
from tests.localcloud.loop import plot, results
from tests.localcloud.loop.settings import Settings
from tests.localcloud.loop.trial import ALLOWANCE, LATE
from tests.localcloud.loop.trials import SPEED, Campaign, campaign

if TYPE_CHECKING:
    from tests.localcloud.loop.conftest import Progress

pytestmark = pytest.mark.kernel

SEED = 20261123
TRIALS = int(os.environ.get("LOOP_TRIALS", "1000"))
GROUPS = int(os.environ.get("LOOP_GROUPS", "28"))  # trials at once
KEPT = 0.999
APART = 0.05  # of a machine that is late more often than this, nothing is said


def test_the_loop_closes_and_never_too_soon() -> None:
    """A few, on a machine that may be busy: then late proves nothing, but early does, and so does an end that never comes."""
    found = asyncio.run(campaign(2, 2, seed=SEED, speed=10, draw=Settings.draw_mild))
    assert [each.trouble for each in found.trials if each.trouble == "it never ended"] == []
    assert len(found.trials) == 2
    early = [
        (each, step)
        for each in found.trials
        for step in each.steps
        if each.late <= LATE and step.took < step.least - ALLOWANCE * found.speed
    ]
    assert early == []


@pytest.mark.campaign
def test_a_thousand_deaths_and_hangs_are_noticed_drained_recreated_and_returned_in_time(
    progress: Progress,
) -> None:
    began = time.monotonic()

    def told(found: Campaign) -> None:
        done = len(found.trials)
        if done % 20 == 0 or done == TRIALS:
            kept, broken, apart = (found.count(each) for each in ("kept", "broken", "apart"))
            passed = time.monotonic() - began
            progress(
                f"{done} of {TRIALS} trials in {passed:.0f} s: {kept} kept, {broken} broken, {apart} apart; "
                f"about {passed / done * (TRIALS - done):.0f} s more"
            )

    found = asyncio.run(campaign(TRIALS, GROUPS, seed=SEED, told=told, speed=SPEED))
    results.write_campaign(found)
    # Of what the table has: its numbers are rounded, and a picture of others would not be the table's.
    listed = results.campaign(results.TRIALS.read_text(encoding="utf-8"), found.speed)
    (results.DOCS / "closed-loop.svg").write_text(plot.detections(listed.trials), encoding="utf-8")
    closed_loop_results.PART.write()
    for words in found.broken():
        progress(words)
    assert len(found.trials) == TRIALS
    assert found.kept_share >= KEPT, found.broken()
    apart = found.count("apart")
    assert apart <= APART * TRIALS, (
        f"{apart} of {TRIALS} trials on a machine that was late itself: run it on a quiet one"
    )
