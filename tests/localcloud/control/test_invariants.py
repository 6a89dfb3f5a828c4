"""Whatever is asked of a group and whatever happens to it: the invariants hold, it comes to rest, and deleting it leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.localcloud.control.replay import history
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


@pytest.mark.parametrize("seed", range(3))
def test_a_seed_replays_the_same_story(seed: int) -> None:
    assert run(seed, history(seed)) == run(seed, history(seed))


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(1000))
def test_a_thousand_seeds_replay_the_same_stories(seed: int) -> None:
    assert run(seed, history(seed)) == run(seed, history(seed))


def told_by(process_hashing: str, seeds: range) -> str:
    """Run the stories of these seeds, with and without faults, in a process whose sets are in another order."""
    command = [sys.executable, "-m", "tests.localcloud.control.replay", *map(str, seeds)]
    environment = {**os.environ, "PYTHONHASHSEED": process_hashing}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def test_a_seed_tells_the_same_story_in_processes_that_hash_differently() -> None:
    seeds = range(3)
    one, other = (told_by(hashing, seeds) for hashing in ("1", "2"))
    assert len(one.split()) == 2 * len(seeds)
    assert one == other


@pytest.mark.campaign
def test_a_hundred_seeds_tell_the_same_stories_in_processes_that_hash_differently() -> None:
    one, *others = (told_by(hashing, range(100)) for hashing in ("1", "2", "3"))
    assert {*others} == {one}
