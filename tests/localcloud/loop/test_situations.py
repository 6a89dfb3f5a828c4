"""What users notice of a rolling update, a canary, a scale-in and a zone's loss: nothing where promised, else what is expected."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs import closed_loop_results
from tests.localcloud.loop import plot, results, situations
from tests.localcloud.loop.lateness import control_timer
from tests.localcloud.loop.live import live_cloud
from tests.localcloud.loop.situation import about

if TYPE_CHECKING:
    from tests.localcloud.loop.conftest import Progress
    from tests.localcloud.loop.situation import Situation

SPEED = 5.0  # the shortest time-out is then 0.4 s of this machine's
BIN, FROM, UNTIL = 0.5, -5.0, 25.0  # cloud seconds from an outage


def test_a_count_is_judged_by_what_chance_does() -> None:
    assert about("", "", 300, 100, 100).kept
    assert about("", "", 300, 139, 100).kept
    assert not about("", "", 300, 141, 100).kept
    assert not about("", "", 300, 59, 100).kept
    assert about("", "", 300, 139, 90, least=70, most=100).kept, "theory leaves room between its bounds"
    assert not about("", "", 0, 0, 0).kept, "no requests prove nothing"


def bins(timeline: list[tuple[float, bool]]) -> list[tuple[float, int, int]]:
    """Return how many requests began in each bin, and how many of them failed."""
    found = []
    for number in range(int((UNTIL - FROM) / BIN)):
        start = FROM + number * BIN
        within = [failed for at, failed in timeline if start <= at < start + BIN]
        found.append((start, len(within), sum(within)))
    return found


def picture(summary: dict[str, Any]) -> str:
    """Draw the outages."""
    title = f"{summary['outages']} zone outages: share of the requests that failed, by when they began"
    counted = [(start, count, failed) for start, count, failed in summary["timeline"]]
    return plot.outages(counted, summary["share"], situations.BALANCER.detection, title)


async def run(progress: Progress) -> tuple[list[Situation], dict[str, Any]]:
    """Run all situations, one after another: a lost zone is everybody's."""
    async with live_cloud(SPEED) as cloud, control_timer() as timer:
        began = time.monotonic()
        await cloud.build()
        found = []
        for name in (situations.rolling_update, situations.canary, situations.scale_in):
            found += await name(cloud)
            progress(f"{name.__name__}: {time.monotonic() - began:.0f} s")
        outages, timeline = await situations.zone_outages(cloud)
        late = timer.worst(began, time.monotonic())
    return [*found, *outages], {
        "speed": SPEED,
        "late_ms": round(late * 1000),
        "rate": situations.RATE,
        "outages": 3,
        "share": 1 / 3,
        "timeline": bins(timeline),
    }


@pytest.mark.kernel
@pytest.mark.campaign
def test_users_notice_what_was_promised(progress: Progress) -> None:
    found, summary = asyncio.run(run(progress))
    summary["situations"] = [each.figures() for each in found]
    results.note("situations", summary)
    (results.DOCS / "zone-outages.svg").write_text(picture(summary), encoding="utf-8")
    closed_loop_results.PART.write()
    for each in found:
        progress(f"{each.name}: {each.failed} of {each.requests} failed, {each.least:g} to {each.most:g} may")
    assert [each for each in found if not each.kept] == []
