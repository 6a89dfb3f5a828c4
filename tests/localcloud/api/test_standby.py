"""Standby pools as requests ask for them: sizes and delays within Google's bounds, kept, and noticed by the group's status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.localcloud.api.resources import build
from tests.localcloud.api.test_groups import GROUP, PATH, put

if TYPE_CHECKING:
    from tests.localcloud.api.client import Api

POOL = {
    "targetSuspendedSize": 2,
    "targetStoppedSize": 1,
    "standbyPolicy": {"mode": "SCALE_OUT_POOL", "initialDelaySec": 60},
}


def test_a_pool_is_kept_and_the_group_is_not_stable_until_it_is_full(api: Api) -> None:
    build(api)
    group = api.get(PATH)
    put(api, f"compute/{GROUP}", {**group, "status": {**group["status"], "isStable": True}})
    api.call("PATCH", PATH, POOL)
    found = api.get(PATH)
    assert {name: found[name] for name in POOL} == POOL
    assert not found["status"]["isStable"]
    assert not [event for event in api.store.events() if event.kind == "unsupported"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"targetSuspendedSize": -1}, "targetSuspendedSize"),
        ({"targetStoppedSize": 2001}, "targetStoppedSize"),
        ({"targetStoppedSize": 1000, "targetSuspendedSize": 1000}, "targetSize"),
        ({"standbyPolicy": {"initialDelaySec": 3601}}, "standbyPolicy.initialDelaySec"),
        ({"standbyPolicy": {"mode": "SOMETIMES"}}, "standbyPolicy.mode"),
    ],
)
def test_a_pool_beyond_its_bounds_is_refused(api: Api, body: dict[str, object], field: str) -> None:
    build(api)
    before = api.get(PATH)
    code, reason, message = api.refused("PATCH", PATH, body)
    assert (code, reason) == (400, "invalid")
    assert field in message
    assert api.get(PATH) == before
