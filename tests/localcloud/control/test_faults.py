"""Whatever happens to the daemon at its writes: invariants hold, the group comes to rest, deleting it leaves nothing, seeds replay."""

from __future__ import annotations

import pytest

from tests.localcloud.control.faults import FAULTS, Fault, Faults
from tests.localcloud.control.replay import faults, history
from tests.localcloud.control.scenario import Step, run_with_faults


@pytest.mark.parametrize("seed", range(9))
def test_faults_at_any_write_break_no_invariant(seed: int) -> None:
    met = faults(seed)
    run_with_faults(seed, history(seed, 10), met)
    assert met.met


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(1000))
def test_faults_at_any_write_break_no_invariant_for_a_thousand_seeds(seed: int) -> None:
    run_with_faults(seed, history(seed, 10), faults(seed))


@pytest.mark.parametrize("seed", [1, 2])
def test_a_seed_replays_the_same_story_with_its_faults(seed: int) -> None:
    one, other = faults(seed), faults(seed)
    assert run_with_faults(seed, history(seed, 10), one) == run_with_faults(seed, history(seed, 10), other)
    assert one.met == other.met


# A rollout with a crash of an instance in it: creation, update, repair, deletion.
BUSY: list[Step] = [("wait", 70), ("roll", 1), ("crash", 40), ("recreate", 60), ("resize", 5), ("policy", 1)]


def writes_of_the_busy_history() -> int:
    counted = Faults()
    run_with_faults(5, BUSY, counted)
    return counted.writes


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_at_each_of_some_writes_of_a_busy_history(fault: Fault) -> None:
    writes = writes_of_the_busy_history()
    for number in range(1 + FAULTS.index(fault), writes, writes // 3):
        run_with_faults(5, BUSY, Faults(at={number: fault}))


@pytest.mark.campaign
@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_at_every_single_write_of_a_busy_history(fault: Fault) -> None:
    for number in range(1, writes_of_the_busy_history() + 1):
        run_with_faults(5, BUSY, Faults(at={number: fault}))
