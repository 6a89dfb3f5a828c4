"""Whatever a client asks and whatever befalls the machines: the invariants hold, the group comes to rest, and deleting leaves nothing."""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.localcloud.whole.client import Client

COMMON = settings(
    phases=(Phase.generate,),  # a story of two dozen steps is read sooner than it is shortened
    database=None,
)


def test_the_whole_cloud_keeps_its_promises() -> None:
    run_state_machine_as_test(Client, settings=settings(COMMON, max_examples=20, stateful_step_count=12))


@pytest.mark.campaign
def test_the_whole_cloud_keeps_its_promises_through_very_many_histories() -> None:
    run_state_machine_as_test(
        Client, settings=settings(COMMON, max_examples=1000, stateful_step_count=25, derandomize=False)
    )
