"""How often chance removes a healthy instance: the verdicts agree with the closed forms, bursts included."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from localcloud.dataplane import probing
from localcloud.dataplane.addresses import prober_source
from localcloud.plans.probe import ProbeResult
from localcloud.plans.world import Command
from tests.docs import closed_loop_results
from tests.localcloud.dataplane.cloud import PYTHON, SUBNETWORK, running_cloud
from tests.localcloud.loop import chance, plot, results
from tests.localcloud.loop.theory import CASES, VOTES, Count, Lasting, Losses, Vote

if TYPE_CHECKING:
    from localcloud.plans.probe import Outcome
    from tests.localcloud.loop.conftest import Progress

SERVICE = Path(chance.__file__).read_text(encoding="utf-8")
CLOSE = 0.05
REMOVALS = 4000  # of each case: their mean's standard error is 1.6 %; 1.8 % where five probers vote, for those come together


@pytest.mark.parametrize("losses", CASES[:6], ids=lambda losses: losses.name)
def test_verdicts_on_drawn_losses_agree_with_the_closed_form(losses: Losses) -> None:
    rng = random.Random(7)  # noqa: S311 - repeatable, not secret
    found = Lasting()
    count, failed, at = Count(losses, found), False, 0.0
    while found.removals < REMOVALS // 2:
        failed = rng.random() < (losses.q if failed else losses.a)
        at += 1
        outcome: Outcome = "failure" if failed else "success"
        count.take(ProbeResult(id="p", sent_at=at, ended_at=at, outcome=outcome, detail=""))
    assert found.mean == pytest.approx(losses.expected, rel=CLOSE)


def drawn(losses: Losses, probers: int, removals: int) -> Lasting:
    """Count removals by the majority of probers that each draw their own losses."""
    rng = random.Random(7)  # noqa: S311 - repeatable, not secret
    found = Lasting()
    vote, failed = Vote(losses, found), [False] * probers
    while found.removals < removals:
        for prober in range(probers):
            failed[prober] = rng.random() < (losses.q if failed[prober] else losses.a)
            outcome: Outcome = "failure" if failed[prober] else "success"
            vote.take(
                ProbeResult(
                    id="p",
                    sent_at=0.0,
                    ended_at=0.0,
                    outcome=outcome,
                    detail="",
                    prober=prober,
                    probers=probers,
                )
            )
    return found


@pytest.mark.parametrize(("probers", "losses"), [(1, CASES[0]), *VOTES], ids=str)
def test_the_majority_of_several_probers_removes_as_seldom_as_the_closed_form_says(
    probers: int, losses: Losses
) -> None:
    found = drawn(losses, probers, REMOVALS // 4)
    assert found.mean / probers == pytest.approx(losses.apart(probers), rel=CLOSE)


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("probers", "losses"), [*VOTES, (7, VOTES[3][1]), (3, CASES[1]), (3, CASES[4])], ids=str
)
def test_the_closed_form_for_several_probers_is_good_to_three_hundredths(
    probers: int, losses: Losses
) -> None:
    found = drawn(losses, probers, 5 * REMOVALS)  # the standard error is 0.8 %
    assert found.mean / probers == pytest.approx(losses.apart(probers), rel=0.03)


def test_the_closed_form_for_bursts_contains_the_one_for_independent_losses() -> None:
    for p, k in ((0.01, 2), (0.01, 5), (0.3, 3)):
        assert Losses(p, p, k).expected == pytest.approx((1 - p**k) / (p**k * (1 - p)))
    # a hundred instances probed every 5 s, one probe in a hundred lost: a bit over two thousand false removals a day, where
    # independent losses would bring less than two
    assert Losses(0.0051, 0.5, 3).expected == pytest.approx(798, rel=0.02)
    assert Losses(0.01, 0.01, 3).expected == pytest.approx(1_010_100)


async def live(losses: Losses, removals: int, *, endpoints: int, speed: float, probers: int = 1) -> Lasting:
    """Count removals as the real prober sees them, or several, with this many endpoints probed every cloud second by each.

    A timeout is this machine's lateness: such a probe did not take place. The others hear exactly what is drawn, one after the other.
    """
    async with running_cloud(speed, probers=probers) as cloud:
        interface = cloud.interface("a")
        await cloud.apply_network()
        told, told_there = os.pipe()
        words = (str(losses.a), str(losses.q))
        command = Command(argv=(PYTHON, "-ISEc", SERVICE, *words), fds={3: told_there})
        await cloud.world.spawn(interface, SUBNETWORK.gateway, 20, command, [])
        os.close(told_there)
        assert await asyncio.to_thread(os.read, told, 1) == b"r"
        os.close(told)
        found = Lasting()
        count = Count if probers == 1 else Vote
        counts = {str(number): count(losses, found) for number in range(endpoints)}
        lots = {
            (name, prober): chance.draws(losses.a, losses.q, prober_source("autohealing", prober), f"/{name}")
            for name in counts
            for prober in range(probers)
        }
        probes = [cloud.probe("autohealing", "a", id=name, path=f"/{name}", timeout=1.0) for name in counts]
        await cloud.watch(*probes)
        while found.removals < removals:
            result = await cloud.results.get()
            if result.outcome != "timeout":
                lost = next(lots[result.id, result.prober])
                assert (result.outcome, result.probers) == ("failure" if lost else "success", probers), result
                counts[result.id].take(result)
        return found


@pytest.fixture
def in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have as many probers as are asked for, however fast the clock: what answers has nothing else to do."""
    monkeypatch.setattr(probing, "MOST_IN_A_HURRY", probing.MOST_PER_SECOND)


@pytest.mark.kernel
@pytest.mark.usefixtures("in_no_hurry")
def test_the_real_probers_bring_removals() -> None:
    probers, losses = VOTES[0]
    found = asyncio.run(live(losses, 40, endpoints=20, speed=10, probers=probers))
    assert found.mean / probers == pytest.approx(losses.apart(probers), rel=0.8)


@pytest.mark.kernel
@pytest.mark.campaign
@pytest.mark.usefixtures("in_no_hurry")
def test_false_removals_through_the_real_prober_agree_with_the_closed_forms(progress: Progress) -> None:
    cases = []
    for probers, losses in [*((1, each) for each in CASES), *VOTES]:
        found = asyncio.run(live(losses, REMOVALS, endpoints=100 // probers, speed=20, probers=probers))
        name = losses.name if probers == 1 else f"{losses.name} n={probers}"
        expected = losses.expected if probers == 1 else losses.apart(probers)
        cases.append({"name": name, "expected": expected, "measured": found.mean / probers})
        progress(
            f"{name}: {found.mean / probers:.2f} intervals until a false removal, {expected:.2f} expected"
        )
    summary = {"removals": REMOVALS, "cases": cases}
    results.note("false_removals", summary)
    (results.DOCS / "false-removals.svg").write_text(picture(summary), encoding="utf-8")
    closed_loop_results.PART.write()
    for each in cases:
        assert each["measured"] == pytest.approx(each["expected"], rel=CLOSE), each["name"]


def picture(summary: dict[str, Any]) -> str:
    """Draw measured over predicted."""
    points = [(each["name"], each["expected"], each["measured"]) for each in summary["cases"]]
    title = f"Intervals until a false removal: measured over predicted, {summary['removals']} removals each, grey is 5 %"
    return plot.against_theory(points, title)
