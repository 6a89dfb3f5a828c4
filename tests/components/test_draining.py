"""A deployment waits for the connections of a group that lost its traffic, and for nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pulumi
import pytest

from components.balancing import Balancing
from components.draining import await_draining, groups_left
from tests.components.parts import make_balancer
from tests.components.recording import record


def behind(*groups: str) -> dict[str, Any]:
    return {"backends": [{"group": group} for group in groups]}


@pytest.mark.parametrize(
    ("old", "new", "left"),
    [
        (behind("a"), behind("a"), set()),
        (behind("a"), behind("a", "b"), set()),
        (behind("a", "b"), behind("b", "c"), {"a"}),
        (behind("a"), {}, {"a"}),
        (None, behind("a"), set()),
    ],
)
def test_a_group_has_left_when_it_was_behind_the_service_and_is_no_more(
    old: dict[str, Any] | None, new: dict[str, Any], left: set[str]
) -> None:
    assert groups_left(old, new) == left


def waits_for(old: dict[str, Any], new: dict[str, Any]) -> list[float]:
    """Return how long the hook slept after such an update."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def program() -> None:
        binding = await_draining("web", 45, sleep)
        assert binding is not None
        assert binding.after_update is not None
        (hook,) = binding.after_update
        update = pulumi.ResourceHookArgs("urn", "id", "web-backend", "t", new_inputs=new, old_inputs=old)
        waiting = hook(update)
        assert waiting is not None
        await waiting

    record(lambda: asyncio.ensure_future(program()))
    return slept


def test_a_deployment_waits_for_the_draining_time_when_a_group_has_left() -> None:
    assert waits_for(behind("old"), behind("new")) == [45]
    assert waits_for(behind("same"), behind("same")) == []


def test_without_a_draining_time_there_is_nothing_to_wait_for() -> None:
    assert await_draining("web", 0) is None
    made = make_balancer(Balancing(draining_sec=0, longest_request_sec=0)).one("RegionBackendService")
    assert made.hooks == frozenset()
    assert make_balancer().one("RegionBackendService").hooks == {"web-draining"}
