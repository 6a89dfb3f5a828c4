"""Two equal health checks: refused twice, and what happens to those who insist."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Deploy
    from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e

EQUAL = {"check_interval_sec": 2, "timeout_sec": 2, "unhealthy_threshold": 2, "healthy_threshold": 2}


@pytest.fixture(scope="module")
def equal(deploy: Deploy) -> Deployment:
    """A deployment whose stack file makes both checks alike; nothing is deployed yet."""
    deployment = deploy("equal", speed=5)
    deployment.configure(autohealing_check=EQUAL, balancer_check=EQUAL)
    return deployment


def test_the_components_refuse_before_any_resource_exists(equal: Deployment) -> None:
    printed = equal.make("up", status=None)
    assert "2 s x 2 = 4 s" in printed
    assert "ratio 4 s / 4 s = 1, required 3 or more" in printed
    assert "set autohealing_check" in printed, "the message says how to mend it"
    exported = equal.pulumi("stack", "export", "-s", "local")
    assert "gcp:" not in exported, "no resource was made"
    assert equal.api("/compute/v1/projects/local/global/networks").get("items", []) == []


def test_with_the_components_guard_off_the_policy_pack_refuses_at_preview(equal: Deployment) -> None:
    equal.configure(health_check_guard="off")
    printed = equal.make("preview", status=None)
    assert "HC02" in printed
    assert "mandatory" in printed
    printed = equal.make("up", status=None)
    assert "HC02" in printed
    assert equal.api("/compute/v1/projects/local/global/networks").get("items", []) == []


def test_with_both_guards_bypassed_a_hiccup_costs_the_instance_its_life(equal: Deployment) -> None:
    equal.configure(health_check_guard="off")
    equal.up_without_policies()
    before = {item["name"]: item["id"] for item in equal.wait_until_healthy(3)}
    victim = min(before)
    start = equal.last_event()
    equal.localcloud("hang", victim, "--seconds", "12")
    equal.wait_for(
        lambda event: event["kind"] == "autohealing.recreate" and event["subject"] == victim,
        start,
        "the needless recreation",
    )
    after = {item["name"]: item["id"] for item in equal.wait_until_healthy(3)}
    assert after[victim] != before[victim]
