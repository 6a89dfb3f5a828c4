"""Health arithmetic: verdicts from consecutive results, and the closed forms of detection and recovery times."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.control.health import Endpoint, Thresholds, judge
from localcloud.plans.probe import Outcome, ProbeResult
from tests.localcloud.control.cloud import standard
from tests.localcloud.control.documents import BALANCING, HEALING, check

FAILURES: tuple[Outcome, ...] = ("failure",) * 12
TWO_THREE = Thresholds(healthy=2, unhealthy=3)


def result(outcome: Outcome, at: float = 0.0) -> ProbeResult:
    return ProbeResult(id="x", sent_at=at, ended_at=at, outcome=outcome, detail="")


def after(*outcomes: Outcome, start: Endpoint | None = None, grace_until: float = 0.0) -> Endpoint:
    endpoint = start or Endpoint()
    for number, outcome in enumerate(outcomes):
        endpoint = judge(endpoint, result(outcome, float(number)), TWO_THREE, grace_until=grace_until)
    return endpoint


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ((), "UNKNOWN"),
        (("success",), "UNKNOWN"),
        (("success", "success"), "HEALTHY"),
        (("failure", "failure"), "UNKNOWN"),
        (("failure", "failure", "failure"), "UNHEALTHY"),
        (("failure", "failure", "timeout"), "TIMEOUT"),
        (("success", "success", "timeout", "timeout"), "HEALTHY"),
        (("success", "success", "timeout", "timeout", "success", "timeout", "timeout"), "HEALTHY"),
        (("timeout", "timeout", "timeout", "failure"), "UNHEALTHY"),
        (("timeout", "timeout", "timeout", "success"), "TIMEOUT"),
        (("timeout", "timeout", "timeout", "success", "success"), "HEALTHY"),
    ],
)
def test_only_consecutive_results_make_a_verdict(outcomes: tuple[Outcome, ...], state: str) -> None:
    assert after(*outcomes).state == state


def test_failures_in_the_initial_delay_do_not_count_until_it_was_healthy_once() -> None:
    assert after(*FAILURES[:9], grace_until=9.0).state == "UNKNOWN"
    assert after(*FAILURES[:12], grace_until=9.0).state == "UNHEALTHY"
    assert after(*FAILURES[:11], grace_until=9.0).state == "UNKNOWN"
    assert (
        after("success", "success", "failure", "failure", "failure", grace_until=100.0).state == "UNHEALTHY"
    )


@given(
    st.lists(st.sampled_from(["success", "failure", "timeout"]), max_size=40),
    st.integers(1, 10),
    st.integers(1, 10),
)
def test_a_verdict_always_rests_on_enough_equal_results(
    outcomes: list[Outcome], healthy: int, unhealthy: int
) -> None:
    thresholds = Thresholds(healthy=healthy, unhealthy=unhealthy)
    endpoint = Endpoint()
    for number, outcome in enumerate(outcomes):
        before, endpoint = endpoint, judge(endpoint, result(outcome, float(number)), thresholds)
        good = [each == "success" for each in outcomes[: number + 1]]
        if endpoint.state == "HEALTHY" != before.state:
            assert all(good[-healthy:])
            assert len(good) >= healthy
        elif endpoint.state in {"UNHEALTHY", "TIMEOUT"} and before.state not in {"UNHEALTHY", "TIMEOUT"}:
            assert not any(good[-unhealthy:])
            assert len(good) >= unhealthy
            assert endpoint.streak_began == number - unhealthy + 1


@settings(max_examples=8)
@given(
    seed=st.integers(0, 1000),
    interval=st.integers(2, 30),
    share=st.floats(0.1, 1.0),
    thresholds=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    offset=st.floats(0, 60),
)
def test_detection_and_recovery_keep_to_their_closed_forms(
    *, seed: int, interval: int, share: float, thresholds: tuple[int, int], offset: float
) -> None:
    """A hang is noticed in (k-1)I+T to kI+T, and its end in (h-1)I to hI, whatever the phase."""
    timeout = max(1, round(interval * share))
    healthy, unhealthy = thresholds

    async def story() -> None:
        cloud = standard(seed, size=2)
        check(cloud, HEALING, interval=300, timeout=300, healthy=1, unhealthy=10)
        check(cloud, BALANCING, interval=interval, timeout=timeout, healthy=healthy, unhealthy=unhealthy)
        async with cloud.running():
            await cloud.advance(20 * interval + 400 + offset)
            victim = min(cloud.instances())
            lasts = interval * (unhealthy + 2) + timeout
            mark, began = cloud.last_seq(), cloud.clock.now()
            await cloud.machines.hang(cloud.instances()[victim]["id"], lasts)
            await cloud.advance(lasts + (healthy + 1) * interval + 1)
            lost, found = cloud.events("health.balancer", mark)
            detection = lost.at - began
            assert (
                (unhealthy - 1) * interval + timeout - 1e-6
                <= detection
                <= unhealthy * interval + timeout + 1e-6
            )
            assert lost.data["to"] == "TIMEOUT"
            assert lost.data["consecutive"] == unhealthy
            # A probe sent while the guest still hung may succeed at the hang's end, one timeout early at most.
            recovery = found.at - (began + lasts)
            assert max(0, (healthy - 1) * interval - timeout) - 1e-6 <= recovery <= healthy * interval + 1e-6
            assert not cloud.events("autohealing.recreate")

    asyncio.run(story())


def test_a_refused_connection_is_noticed_one_timeout_earlier() -> None:
    async def story() -> None:
        async with standard().running() as cloud:
            await cloud.until_stable()
            await cloud.advance(60)
            victim = min(cloud.instances())
            mark, began = cloud.last_seq(), cloud.clock.now()
            cloud.machines.break_service(cloud.instances()[victim]["id"], 60)
            lost = await cloud.until("health.balancer", within=20, after=mark)
            assert 5 <= lost.at - began <= 10
            assert lost.data["to"] == "UNHEALTHY"

    asyncio.run(story())
