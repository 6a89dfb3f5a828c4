"""Several probers' findings: each counts for itself, the verdict is the majority's, and it takes as long as with one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.control.health import Endpoint, Thresholds, condemned, judge
from localcloud.control.jury import Jury
from localcloud.plans.probe import ProbeResult, ProbeSpec
from localcloud.plans.probe_schedule import next_start, phase

if TYPE_CHECKING:
    from localcloud.control.health import HealthState
    from localcloud.plans.probe import Outcome

OUTCOMES: tuple[Outcome, ...] = ("success", "failure", "timeout")
ONCE = Thresholds(healthy=1, unhealthy=1)


def result(outcome: Outcome, at: float = 0.0, prober: int = 0, probers: int = 1) -> ProbeResult:
    return ProbeResult(
        id="p", sent_at=at, ended_at=at, outcome=outcome, detail="", prober=prober, probers=probers
    )


def after(jury: Jury, *found: Outcome) -> HealthState:
    """Return what they agree on when each of five has had one result."""
    for prober, outcome in enumerate(found):
        jury.take(result(outcome, prober=prober, probers=5), ONCE)
    return jury.state


@given(
    st.lists(st.sampled_from(OUTCOMES), max_size=40), st.integers(1, 4), st.integers(1, 4), st.floats(0, 9)
)
def test_a_single_prober_is_the_judge_of_its_own(
    outcomes: list[Outcome], healthy: int, unhealthy: int, grace_until: float
) -> None:
    thresholds = Thresholds(healthy=healthy, unhealthy=unhealthy)
    jury, alone = Jury(), Endpoint()
    for at, outcome in enumerate(outcomes):
        before, each = alone, result(outcome, float(at))
        alone = judge(before, each, thresholds, grace_until=grace_until)
        decided = jury.take(each, thresholds, grace_until=grace_until)
        assert (jury.state, jury.ever_healthy) == (alone.state, alone.ever_healthy)
        assert (decided == alone) if alone.state != before.state else decided is None


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (("success", "success"), "UNKNOWN"),
        (("success", "success", "success"), "HEALTHY"),
        (("success", "success", "failure", "failure"), "UNKNOWN"),
        (("success", "success", "failure", "failure", "failure"), "UNHEALTHY"),
        (("success", "success", "timeout", "failure", "timeout"), "TIMEOUT"),
        (("timeout", "timeout", "failure", "failure"), "TIMEOUT"),
        (("success", "success", "failure", "failure", "success"), "HEALTHY"),
    ],
)
def test_the_verdict_is_the_majoritys(found: tuple[Outcome, ...], state: HealthState) -> None:
    assert after(Jury(), *found) == state


def test_a_verdict_stands_until_a_majority_has_another() -> None:
    jury = Jury()
    assert after(jury, "success", "success", "success", "success", "success") == "HEALTHY"
    assert after(jury, "timeout", "timeout") == "HEALTHY"
    assert after(jury, "timeout", "timeout", "timeout") == "TIMEOUT"
    assert after(jury, "timeout", "timeout", "timeout", "timeout", "timeout") == "TIMEOUT"
    assert after(jury, "failure") == "TIMEOUT"
    assert after(jury, "success", "success") == "TIMEOUT", "two of five answer again"
    assert after(jury, "success", "success", "success") == "HEALTHY"


def test_half_of_an_even_number_is_no_majority() -> None:
    jury = Jury(Endpoint(state="HEALTHY", ever_healthy=True))
    found: list[tuple[Outcome, HealthState]] = [
        ("timeout", "HEALTHY"),
        ("timeout", "HEALTHY"),
        ("timeout", "TIMEOUT"),
    ]
    for prober, (outcome, state) in enumerate(found):
        jury.take(result(outcome, prober=prober, probers=4), ONCE)
        assert jury.state == state
    jury.take(result("success", prober=0, probers=4), ONCE)
    assert jury.state == "TIMEOUT", "two of four answer"


def test_a_success_does_not_change_what_is_wrong() -> None:
    jury = Jury(Endpoint(state="HEALTHY", ever_healthy=True))
    assert after(jury, "timeout", "timeout", "timeout", "failure", "failure") == "TIMEOUT"
    assert after(jury, "success", "success") == "TIMEOUT", "though more answer wrongly now than not at all"


def test_what_is_remembered_stands_until_most_probers_have_counted_anew() -> None:
    jury = Jury(Endpoint(state="HEALTHY", ever_healthy=True))
    assert after(jury, "timeout", "timeout") == "HEALTHY"
    assert after(jury, "timeout", "timeout", "timeout") == "TIMEOUT"


def test_the_initial_delay_ends_with_the_verdict_and_not_with_one_probers_view() -> None:
    jury = Jury()
    for prober, outcome in ((0, "success"), (1, "success"), (0, "failure"), (1, "failure"), (2, "failure")):
        jury.take(result(outcome, 1.0, prober, 5), ONCE, grace_until=100.0)  # type: ignore[arg-type]
    assert (jury.state, jury.ever_healthy) == ("UNKNOWN", False)
    for prober in (0, 1, 2):
        jury.take(result("success", 2.0, prober, 5), ONCE, grace_until=100.0)
    assert (jury.state, jury.ever_healthy) == ("HEALTHY", True)
    for prober in (0, 3, 4):
        jury.take(result("failure", 3.0, prober, 5), ONCE, grace_until=100.0)
    assert jury.state == "UNHEALTHY"


def test_probers_that_are_no_more_have_no_say() -> None:
    jury = Jury()
    assert after(jury, "success", "success", "success", "failure", "failure") == "HEALTHY"
    jury.take(result("failure", prober=0, probers=1), ONCE)
    assert jury.state == "UNHEALTHY"


def test_probers_that_come_again_do_not_repeat_what_they_saw_long_ago() -> None:
    jury = Jury()
    assert after(jury, "success", "success", "success", "timeout", "timeout") == "HEALTHY"
    jury.take(result("success", prober=0, probers=3), ONCE)
    assert after(jury, "timeout") == "HEALTHY", "one of five, while two that were away say nothing yet"
    assert after(jury, "timeout", "timeout", "timeout") == "TIMEOUT"


def test_probers_that_come_begin_with_the_verdict_as_it_stands_not_as_it_was_remembered() -> None:
    jury = Jury(Endpoint(state="HEALTHY", ever_healthy=True))
    jury.take(result("timeout", prober=0, probers=1), ONCE)
    assert jury.state == "TIMEOUT"
    assert after(jury, "timeout") == "TIMEOUT", "nobody has seen a success"
    assert after(jury, "success", "success") == "TIMEOUT"
    assert after(jury, "success", "success", "success") == "HEALTHY"


@given(
    st.integers(1, 10), st.integers(1, 30), st.floats(0.1, 1), st.tuples(st.integers(1, 5), st.integers(1, 5)), st.floats(0, 1e4)
)  # fmt: skip
def test_detection_and_recovery_take_as_long_as_with_one_prober(
    probers: int, interval: int, share: float, counts: tuple[int, int], death: float
) -> None:
    """A silent death is noticed in (k-1)I+T to kI+T, a recovery in (h-1)I to hI, whoever probes at whatever phase."""
    spec = ProbeSpec(
        id="balancer|web-1|rule", consumer="balancer", instance="web-1", instance_address="10.0.0.2", address="127.64.0.1",
        protocol="TCP", port=80, interval=float(interval), timeout=share * interval,
    )  # fmt: skip
    healthy, unhealthy = counts
    thresholds = Thresholds(healthy=healthy, unhealthy=unhealthy)

    def changes(jury: Jury, outcome: Outcome, begin: float, takes: float) -> float:
        starts = [
            (next_start(spec, prober, begin) + number * interval, prober)
            for prober in range(probers)
            for number in range(12)
        ]
        for at, prober in sorted(starts):
            each = ProbeResult(
                id="p", sent_at=at, ended_at=at + takes, outcome=outcome, detail="", prober=prober, probers=probers
            )  # fmt: skip
            if jury.take(each, thresholds) is not None:
                return each.ended_at - begin
        pytest.fail("no verdict")

    jury = Jury(Endpoint(state="HEALTHY", ever_healthy=True))
    took = changes(jury, "timeout", death, spec.timeout)
    assert condemned(jury.state)
    least = (unhealthy - 1) * interval + spec.timeout
    assert least - 1e-6 <= took <= least + interval + 1e-6
    took = changes(jury, "success", death, 0.0)
    assert jury.state == "HEALTHY"
    assert (healthy - 1) * interval - 1e-6 <= took <= healthy * interval + 1e-6


def test_phases_are_spread_evenly_and_each_probers_own() -> None:
    phases = [phase(f"balancer|web-{number}|rule", prober) for number in range(200) for prober in range(5)]
    assert len(set(phases)) == 1000
    for tenth in range(10):
        assert sum(math.floor(each * 10) == tenth for each in phases) == pytest.approx(100, abs=40)
    assert phases == [
        phase(f"balancer|web-{number}|rule", prober) for number in range(200) for prober in range(5)
    ]
