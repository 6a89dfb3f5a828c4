"""The rule between the two checks, its arithmetic, and its refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from components.health_check_pair import HealthCheckPair
from components.health_probe import AUTOHEALING_DEFAULT, BALANCER_DEFAULT, HealthProbe
from components.invalid_argument import InvalidArgumentError
from tests.components.test_health_probe import probes

RATIOS = st.floats(1, 20)


@st.composite
def good_pairs(draw: st.DrawFn) -> HealthCheckPair:
    """Any pair that keeps the rule at a ratio of 1.5 or more, on its edge or within."""
    balance, ratio = draw(probes(max_interval=100)), draw(st.floats(1.5, 20))
    better = pair_of(draw(probes()), balance, ratio).suggested()
    assume(better is not None)
    assert better is not None
    return HealthCheckPair(autohealing=better, balancer=balance, min_ratio=ratio)


def pair_of(autohealing: HealthProbe, balancer: HealthProbe, min_ratio: float = 3.0) -> HealthCheckPair:
    return HealthCheckPair(autohealing=autohealing, balancer=balancer, min_ratio=min_ratio, guard="off")


def test_the_defaults_are_far_apart() -> None:
    pair = HealthCheckPair()
    assert pair.ratio == 15
    assert pair.timeline() == (
        "balancer stops sending after 8 to 13 s (5 s x 2 = 10 s); group recreates after 135 to 165 s (30 s x 5 = 150 s); "
        "margin 15x, required 3x"
    )


def test_one_check_for_both_is_refused_with_the_arithmetic_and_the_fix() -> None:
    with pytest.raises(InvalidArgumentError) as refusal:
        HealthCheckPair(autohealing=BALANCER_DEFAULT)
    text = str(refusal.value)
    assert "ratio 10 s / 10 s = 1, required 3 or more" in text
    assert "unhealthy_threshold 2, required 3 or more" in text
    assert "set autohealing_check unhealthy_threshold 6" in text
    assert "set health_check_guard to off" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"check_interval_sec": 4, "timeout_sec": 4, "unhealthy_threshold": 10},
            "check_interval_sec 4, the balancer's is 5",
        ),
        ({"timeout_sec": 2}, "timeout_sec 2, the balancer's is 3"),
        ({"check_interval_sec": 60, "unhealthy_threshold": 1}, "unhealthy_threshold 1, required 3"),
        (
            {"check_interval_sec": 9, "timeout_sec": 9, "unhealthy_threshold": 3},
            "ratio 27 s / 10 s = 2.7, required 3",
        ),
    ],
)
def test_each_way_of_being_too_eager_is_refused_alone(changes: dict[str, int], words: str) -> None:
    eager = replace(AUTOHEALING_DEFAULT, **changes)  # type: ignore[arg-type]  # all of them are whole numbers
    assert len(pair_of(eager, BALANCER_DEFAULT).weaknesses()) == (
        2 if changes.get("unhealthy_threshold") == 1 else 1
    )
    with pytest.raises(InvalidArgumentError, match=words):
        HealthCheckPair(autohealing=eager)


def test_exactly_the_required_ratio_is_enough() -> None:
    edge = replace(AUTOHEALING_DEFAULT, check_interval_sec=10, timeout_sec=10, unhealthy_threshold=3)
    assert HealthCheckPair(autohealing=edge).ratio == 3


@pytest.mark.parametrize("ratio", [0.99, 0, -1, float("nan"), float("inf")])
def test_a_ratio_below_one_is_no_requirement(ratio: float) -> None:
    with pytest.raises(InvalidArgumentError, match="choose 1 or more"):
        HealthCheckPair(min_ratio=ratio)


def test_the_guard_switched_off_lets_a_weak_pair_exist() -> None:
    assert HealthCheckPair(autohealing=BALANCER_DEFAULT, guard="off").weaknesses()


@given(probes(), RATIOS)
def test_no_check_is_more_conservative_than_itself(probe: HealthProbe, ratio: float) -> None:
    assume(ratio > 1)
    assert pair_of(probe, probe, ratio).weaknesses()


@given(probes(), probes(), st.floats(1.01, 20))
def test_of_two_checks_at_most_one_is_more_conservative(
    one: HealthProbe, other: HealthProbe, ratio: float
) -> None:
    assert pair_of(one, other, ratio).weaknesses() or pair_of(other, one, ratio).weaknesses()


@given(good_pairs(), st.integers(0, 5), st.integers(0, 50))
def test_making_autohealing_slower_never_makes_a_good_pair_weak(
    pair: HealthCheckPair, failures: int, seconds: int
) -> None:
    heal = pair.autohealing
    slower = replace(
        heal,
        unhealthy_threshold=min(10, heal.unhealthy_threshold + failures),
        check_interval_sec=min(300, heal.check_interval_sec + seconds),
    )
    assert not replace(pair, autohealing=slower).weaknesses()


@given(good_pairs())
def test_in_a_good_pair_the_balancer_has_always_let_go_before_the_group_condemns(
    pair: HealthCheckPair,
) -> None:
    assert pair.balancer.silent_death.max_sec <= pair.autohealing.silent_death.min_sec
    assert pair.balancer.refused_connection.max_sec <= pair.autohealing.refused_connection.min_sec


@given(probes(), probes(), RATIOS)
def test_the_suggested_fix_fixes_and_never_lowers_anything(
    heal: HealthProbe, balance: HealthProbe, ratio: float
) -> None:
    pair = pair_of(heal, balance, ratio)
    better = pair.suggested()
    if better is None:
        assert ratio * balance.window_sec > 3000, "only the API's own limits excuse having no fix"
        assert "make the balancer's check quicker" in pair.suggestion()
        return
    assert not replace(pair, autohealing=better).weaknesses()
    for name in ("check_interval_sec", "timeout_sec", "unhealthy_threshold"):
        assert getattr(better, name) >= getattr(heal, name)
    if not pair.weaknesses():
        assert better == heal
