"""The relation between two checks, as mathematics."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from mig_policies.timing import Timing, is_slower, weaker_components

TIMINGS = st.builds(
    Timing,
    interval=st.integers(1, 300),
    timeout=st.integers(1, 300),
    healthy=st.integers(1, 10),
    unhealthy=st.integers(1, 10),
)
RATIOS = st.floats(1, 10)
COMPONENTS = st.sampled_from(["interval", "timeout", "unhealthy"])


def more_conservative(healing: Timing, balancing: Timing, min_ratio: float) -> bool:
    """The relation the whole project rests on, of which each part is a rule: slower to condemn, and weaker in no component."""
    return is_slower(healing, balancing, min_ratio) and not weaker_components(healing, balancing)


@given(TIMINGS, RATIOS)
def test_no_check_is_more_conservative_than_itself(check: Timing, ratio: float) -> None:
    assert not more_conservative(check, check, ratio)


@given(TIMINGS, TIMINGS, RATIOS)
def test_of_two_checks_at_most_one_is_more_conservative(one: Timing, other: Timing, ratio: float) -> None:
    assert not (more_conservative(one, other, ratio) and more_conservative(other, one, ratio))


@given(TIMINGS, TIMINGS, TIMINGS, RATIOS)
def test_the_relation_is_transitive(one: Timing, two: Timing, three: Timing, ratio: float) -> None:
    if more_conservative(one, two, ratio) and more_conservative(two, three, ratio):
        assert more_conservative(one, three, ratio)


@given(TIMINGS, TIMINGS, RATIOS, COMPONENTS, st.integers(0, 300))
def test_raising_a_component_of_autohealing_never_breaks_it(
    healing: Timing, balancing: Timing, ratio: float, component: str, more: int
) -> None:
    raised = replace(healing, **{component: getattr(healing, component) + more})
    if more_conservative(healing, balancing, ratio):
        assert more_conservative(raised, balancing, ratio)


@given(TIMINGS, TIMINGS, RATIOS, COMPONENTS, st.integers(0, 300))
def test_raising_a_component_of_the_balancer_never_mends_it(
    healing: Timing, balancing: Timing, ratio: float, component: str, more: int
) -> None:
    raised = replace(balancing, **{component: getattr(balancing, component) + more})
    if not more_conservative(healing, balancing, ratio):
        assert not more_conservative(healing, raised, ratio)


@given(TIMINGS, TIMINGS, RATIOS, RATIOS)
def test_a_larger_ratio_is_never_easier_to_meet(one: Timing, other: Timing, less: float, more: float) -> None:
    less, more = sorted((less, more))
    if is_slower(one, other, more):
        assert is_slower(one, other, less)


@given(TIMINGS, TIMINGS)
def test_healthy_thresholds_play_no_part_in_condemning(one: Timing, other: Timing) -> None:
    assert weaker_components(replace(one, healthy=1), other) == weaker_components(
        replace(one, healthy=10), other
    )
    assert is_slower(replace(one, healthy=1), other, 2) == is_slower(replace(one, healthy=10), other, 2)
