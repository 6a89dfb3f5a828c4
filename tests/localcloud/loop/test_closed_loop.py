"""Instances die and hang under settings drawn by lot; the loop closes as the settings promise."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.docs import closed_loop_results
from tests.localcloud.loop import plot, results
from tests.localcloud.loop.settings import SHARES, Settings
from tests.localcloud.loop.trial import ALLOWANCE, LATE
from tests.localcloud.loop.trials import Campaign, campaign

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
    found = Campaign()
    asyncio.run(campaign(2, 2, seed=SEED, found=found, stratum="mild", speed=10, draw=Settings.draw_mild))
    assert [each.trouble for each in found.trials if each.trouble == "it never ended"] == []
    assert len(found.trials) == 2
    early = [
        (each, step)
        for each in found.trials
        for step in each.steps
        if each.late <= LATE and step.took < step.least - ALLOWANCE * each.speed
    ]
    assert early == []


@pytest.mark.campaign
def test_a_thousand_deaths_and_hangs_are_noticed_drained_recreated_and_returned_in_time(
    progress: Progress,
) -> None:
    began, found = time.monotonic(), Campaign()

    def told() -> None:
        done = len(found.trials)
        if done % 20 == 0 or done == TRIALS:
            kept, broken, apart = (found.count(each) for each in ("kept", "broken", "apart"))
            passed = time.monotonic() - began
            progress(
                f"{done} of {TRIALS} trials in {passed:.0f} s: {kept} kept, {broken} broken, {apart} apart; "
                f"about {passed / done * (TRIALS - done):.0f} s more"
            )

    for stratum, tenths in SHARES:
        count = TRIALS * tenths // 10
        run = campaign(
            count,
            GROUPS,
            seed=SEED,
            found=found,
            stratum=stratum.name,
            speed=stratum.speed,
            draw=stratum.draw,
            told=told,
        )
        asyncio.run(run)
    results.write_campaign(found)
    # Of what the table has: its numbers are rounded, and a picture of others would not be the table's.
    listed = results.campaign(results.TRIALS.read_text(encoding="utf-8"))
    (results.DOCS / "closed-loop.svg").write_text(plot.detections(listed.trials), encoding="utf-8")
    closed_loop_results.PART.write()
    for words in found.broken():
        progress(words)
    assert len(found.trials) == sum(TRIALS * tenths // 10 for _, tenths in SHARES)
    assert found.kept_share >= KEPT, found.broken()
    apart = found.count("apart")
    assert apart <= APART * TRIALS, (
        f"{apart} of {TRIALS} trials on a machine that was late itself: run it on a quiet one"
    )
