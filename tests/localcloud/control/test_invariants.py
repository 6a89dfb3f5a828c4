"""Whatever is asked of a group and whatever happens to it: the invariants hold, it comes to rest, and deleting it leaves nothing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.localcloud.control.scenario import OPERATIONS, Step, run

STEPS = st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 999)), max_size=12)


@settings(max_examples=25)
@given(st.integers(0, 999), STEPS)
def test_invariants_hold_through_random_histories(seed: int, steps: list[Step]) -> None:
    run(seed, steps)


@pytest.mark.campaign
@settings(max_examples=2000, derandomize=False)
@given(st.integers(0, 999), STEPS)
def test_invariants_hold_through_very_many_random_histories(seed: int, steps: list[Step]) -> None:
    run(seed, steps)


def history(seed: int) -> list[Step]:
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    return [(rng.choice(OPERATIONS), rng.randrange(1000)) for _ in range(12)]


@pytest.mark.parametrize("seed", range(3))
def test_a_seed_replays_the_same_story(seed: int) -> None:
    assert run(seed, history(seed)) == run(seed, history(seed))


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(1000))
def test_a_thousand_seeds_replay_the_same_stories(seed: int) -> None:
    assert run(seed, history(seed)) == run(seed, history(seed))
