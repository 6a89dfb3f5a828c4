"""Load on the instances' real CPUs: the group grows to what Google's formula gives, and shrinks after stabilisation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Deploy

pytestmark = pytest.mark.e2e

STABILISATION = 600  # cloud seconds: Google's ten minutes
LARGEST = 9  # the local stack's maximum


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
    # The instances that are added cost a little CPU themselves (they boot and are probed), so the group may grow further yet.
    deployment.wait_for(
        lambda event: event["kind"] == "group.stable" and event["data"]["size"] >= grown["data"]["to"],
        grown["seq"],
        "the grown group at rest",
    )
    for member in members:
        deployment.localcloud(
            "ssh", member["name"], "--", "curl", "-s", "http://127.0.0.1:8080/burn?seconds=0"
        )
    shrunk = deployment.wait_for(
        lambda event: event["kind"] == "autoscaler.resize" and event["data"]["to"] == 3,
        grown["seq"],
        "the group back at three",
    )
    resized = [event for event in deployment.events(start) if event["kind"] == "autoscaler.resize"]
    growth = [event for event in resized if event["data"]["to"] > event["data"]["from"]]
    for event in growth:
        data = event["data"]
        # On a machine that has much else to do, what instances cost beside their load can take the group as far as it may grow.
        wanted = min(math.ceil(data["measured"] * data["utilisation"] / 0.6 - 1e-9), LARGEST)
        assert data["to"] == data["recommended"] == wanted, data["reason"]
    last_growth = max(event["at"] for event in growth)
    assert shrunk["at"] - last_growth >= STABILISATION
    assert min(event["at"] for event in resized if event not in growth) - last_growth >= STABILISATION
    deployment.wait_until_healthy(3)
