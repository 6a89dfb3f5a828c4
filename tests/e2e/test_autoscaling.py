"""Load on the instances' real CPUs: the group grows to what Google's formula gives, and shrinks after stabilisation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Deploy

pytestmark = pytest.mark.e2e

STABILISATION = 600  # cloud seconds: Google's ten minutes


def test_the_group_grows_by_the_formula_and_shrinks_after_stabilisation(deploy: Deploy) -> None:
    deployment = deploy("autoscaling", speed=20)
    # A quarter of a CPU is all an e2-micro is allotted, so this machine can keep a whole group busy. The checks are slow: what is
    # tested is the autoscaler, on a machine that is busy by design.
    deployment.configure(
        machine={"machine_type": "e2-micro"},
        balancer_check={"check_interval_sec": 10, "timeout_sec": 10, "unhealthy_threshold": 3},
        autohealing_check={"check_interval_sec": 20, "timeout_sec": 20, "unhealthy_threshold": 10},
    )
    deployment.make("up")
    members = deployment.wait_until_healthy(3)
    start = deployment.last_event()
    # Of all of this machine's CPUs, so that each instance uses its whole allotment.
    share = 0.25 / (len(deployment.cpus()) or 1)
    for member in members:
        deployment.localcloud(
            "ssh",
            member["name"],
            "--",
            "curl",
            "-s",
            f"http://127.0.0.1:8080/burn?seconds=600&cpu={share:.4f}",
        )
    grown = deployment.wait_for(
        lambda event: event["kind"] == "autoscaler.resize" and event["data"]["to"] >= 5,
        start,
        "growth to five instances",
    )
    for event in deployment.events(start):
        if event["kind"] == "autoscaler.resize" and event["seq"] <= grown["seq"]:
            data = event["data"]
            assert data["recommended"] == math.ceil(data["measured"] * data["utilisation"] / 0.6 - 1e-9), (
                data["reason"]
            )
    size = grown["data"]["to"]
    deployment.wait_until_healthy(size)
    for member in members:
        deployment.localcloud(
            "ssh", member["name"], "--", "curl", "-s", "http://127.0.0.1:8080/burn?seconds=0"
        )
    idle = deployment.last_event()
    shrunk = deployment.wait_for(
        lambda event: event["kind"] == "autoscaler.resize" and event["data"]["to"] == 3,
        idle,
        "the group back at three",
    )
    assert shrunk["at"] - grown["at"] >= STABILISATION
    deployment.wait_until_healthy(3)
