"""How often chance removes a healthy instance: the verdicts agree with the closed forms, bursts included."""

from __future__ import annotations

import asyncio
import os
import random
from typing import TYPE_CHECKING, Any

import pytest

from localcloud.control.health import Thresholds, condemned
from localcloud.control.jury import Jury
from localcloud.plans.probe import ProbeResult
from localcloud.plans.world import Command
from tests.docs import closed_loop_results
from tests.localcloud.dataplane.cloud import PYTHON, SUBNETWORK, running_cloud
from tests.localcloud.loop import plot, results
from tests.localcloud.loop.theory import CASES, Count, Lasting, Losses

if TYPE_CHECKING:
    from localcloud.plans.probe import Outcome
    from tests.localcloud.loop.conftest import Progress

CLOSE = 0.05
REMOVALS = 4000  # of each case: their mean's standard error is 1.6 %


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


@pytest.mark.parametrize("probers", [1, 3, 5])
@pytest.mark.parametrize("losses", [CASES[0], Losses(0.3, 0.6, 2)], ids=lambda losses: losses.name)
def test_the_majority_of_several_probers_removes_as_seldom_as_the_closed_form_says(
    losses: Losses, probers: int
) -> None:
    rng = random.Random(7)  # noqa: S311 - repeatable, not secret
    jury, failed = Jury(), [False] * probers
    thresholds = Thresholds(healthy=1, unhealthy=losses.k)
    intervals = removals = 0
    while removals < REMOVALS // 4:
        intervals += 1
        for prober in range(probers):
            failed[prober] = rng.random() < (losses.q if failed[prober] else losses.a)
            outcome: Outcome = "failure" if failed[prober] else "success"
            found = ProbeResult(
                id="p", sent_at=0.0, ended_at=0.0, outcome=outcome, detail="", prober=prober, probers=probers
            )
            if jury.take(found, thresholds) is not None:
                removals += condemned(jury.state)
    assert intervals / removals == pytest.approx(losses.apart(probers), rel=CLOSE)


def test_the_closed_form_for_bursts_contains_the_one_for_independent_losses() -> None:
    for p, k in ((0.01, 2), (0.01, 5), (0.3, 3)):
        assert Losses(p, p, k).expected == pytest.approx((1 - p**k) / (p**k * (1 - p)))
    # a hundred instances probed every 5 s, one probe in a hundred lost: a bit over two thousand false removals a day, where
    # independent losses would bring less than two
    assert Losses(0.0051, 0.5, 3).expected == pytest.approx(798, rel=0.02)
    assert Losses(0.01, 0.01, 3).expected == pytest.approx(1_010_100)


# Answers every path from a lot of its own; says nothing else.
_CHANCE = """
import os, random, socket, sys
a, q = map(float, sys.argv[1:])
lots = {}
listener = socket.create_server(("", 8080), backlog=1024)
os.write(3, b"r")
while True:
    peer, _ = listener.accept()
    try:
        peer.settimeout(2)
        path = peer.recv(4096).split()[1].decode()
        rng, failed = lots.get(path) or (random.Random(path), False)
        failed = rng.random() < (q if failed else a)
        lots[path] = rng, failed
        peer.sendall(b"HTTP/1.1 503 Lost\\r\\n\\r\\n" if failed else b"HTTP/1.1 200 OK\\r\\n\\r\\n")
    except OSError:
        pass
    peer.close()
"""


async def live(losses: Losses, removals: int, *, endpoints: int, speed: float) -> Lasting:
    """Count removals as the real prober sees them, with this many endpoints probed every cloud second."""
    async with running_cloud(speed) as cloud:
        interface = cloud.interface("a")
        await cloud.apply_network()
        told, told_there = os.pipe()
        words = (str(losses.a), str(losses.q))
        command = Command(argv=(PYTHON, "-ISEc", _CHANCE, *words), fds={3: told_there})
        await cloud.world.spawn(interface, SUBNETWORK.gateway, 20, command, [])
        os.close(told_there)
        assert await asyncio.to_thread(os.read, told, 1) == b"r"
        os.close(told)
        found = Lasting()
        counts = {str(number): Count(losses, found) for number in range(endpoints)}
        probes = [cloud.probe("autohealing", "a", id=name, path=f"/{name}", timeout=1.0) for name in counts]
        await cloud.watch(*probes)
        while found.removals < removals:
            result = await cloud.results.get()
            # a timeout is this machine's lateness, not the lot's: such a probe did not take place
            if result.outcome != "timeout":
                counts[result.id].take(result)
        return found


@pytest.mark.kernel
def test_the_real_prober_brings_removals() -> None:
    found = asyncio.run(live(CASES[0], 40, endpoints=20, speed=10))
    assert found.mean == pytest.approx(CASES[0].expected, rel=0.8)


@pytest.mark.kernel
@pytest.mark.campaign
def test_false_removals_through_the_real_prober_agree_with_the_closed_forms(progress: Progress) -> None:
    cases = []
    for losses in CASES:
        found = asyncio.run(live(losses, REMOVALS, endpoints=100, speed=20))
        cases.append({"name": losses.name, "expected": losses.expected, "measured": found.mean})
        progress(
            f"{losses.name}: {found.mean:.2f} probes until a false removal, {losses.expected:.2f} expected"
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
    title = f"Probes until a false removal: measured over predicted, {summary['removals']} removals each, grey is 5 %"
    return plot.against_theory(points, title)
