"""Replacements under load: whatever of the stack is made anew, nobody's request fails and the address stays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.load import Load

if TYPE_CHECKING:
    from tests.e2e.conftest import Deploy
    from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e

LARGER = 4  # instances of the new group; the old one has three
DRAINING = 6  # seconds: of the cloud for its balancer, of this machine for the deployment
REGION = "/compute/v1/projects/local/regions/europe-west1"


def operations(deployment: Deployment) -> list[tuple[str, str]]:
    """Return (what was done, to what) in the order in which it was asked for."""
    found = deployment.api(f"{REGION}/operations")["items"]
    found.sort(key=lambda item: (item["insertTime"], item["id"]))
    return [(item["operationType"], item["targetLink"].split("/")[-2]) for item in found]


def names(deployment: Deployment, count: int = LARGER) -> set[str]:
    return {item["name"] for item in deployment.wait_until_healthy(count)}


def urns(deployment: Deployment, *suffixes: str) -> list[str]:
    """Return the URNs of resources by the ends of their names."""
    exported = json.loads(deployment.pulumi("stack", "export", "-s", "local"))
    found: list[dict[str, Any]] = exported["deployment"]["resources"]
    return [item["urn"] for item in found if item["urn"].endswith(suffixes)]


@pytest.fixture(scope="module")
def replaced(deploy: Deploy) -> Deployment:
    """The service as committed, to be made anew piece by piece."""
    # Connections get two real seconds to end: enough for a request on a busy machine.
    deployment = deploy("replacement", speed=4)
    deployment.configure(load_balancer={"draining_sec": DRAINING})
    deployment.make("up")
    deployment.wait_until_healthy(3)
    return deployment


def test_a_renamed_group_with_new_checks_takes_over_without_a_failed_request(replaced: Deployment) -> None:
    before = names(replaced, 3)
    address, done = replaced.url(), len(operations(replaced))
    # The new group begins with the fewest instances that the file says now.
    replaced.configure(group={"base_instance_name": "renamed"}, autoscaler={"min_replicas": LARGER})
    checks = urns(replaced, "::web-autohealing", "::web-balancer")
    assert len(checks) == 2
    with Load(address, per_second=20, timeout=20) as load:
        replaced.pulumi("up", "--yes", "--stack", "local", *(f"--replace={urn}" for urn in checks))
    after = names(replaced)
    assert load.failures == []
    assert after
    assert all(name.startswith("renamed-") for name in after)
    assert {name for *_, name in load.answers} == before | after, "both groups have answered"
    assert not set(checks) - set(urns(replaced, "::web-autohealing", "::web-balancer"))
    told = replaced.events()
    turned = max(
        event["at"] for event in told if event["kind"] == "balancer.removed" and event["subject"] in before
    )
    gone = min(
        event["at"] for event in told if event["kind"] == "instance.deleting" and event["subject"] in before
    )
    assert gone - turned >= DRAINING
    steps = operations(replaced)[done:]
    order = [
        ("insert", "instanceGroupManagers"),
        ("delete", "autoscalers"),
        ("insert", "autoscalers"),
        ("delete", "instanceGroupManagers"),
        ("delete", "healthChecks"),
    ]
    assert [step for step in steps if step in order] == order
    turns = steps.index(("update", "backendServices"))
    assert steps.index(("insert", "instanceGroupManagers")) < turns < steps.index(("delete", "healthChecks"))
    assert replaced.url() == address
    replaced.pulumi("preview", "-s", "local", "--expect-no-changes")


def test_a_forwarding_rule_that_is_replaced_keeps_its_address(replaced: Deployment) -> None:
    before, instances = replaced.outputs(), names(replaced)
    done = len(operations(replaced))
    replaced.configure(load_balancer={"frontends": {"main": {"ports": None, "port_range": "8080-8080"}}})
    replaced.make("up")
    steps = operations(replaced)[done:]
    assert steps == [("delete", "forwardingRules"), ("insert", "forwardingRules")], (
        "no two rules share an address and a port"
    )
    assert replaced.outputs() == before
    assert replaced.get()["instance"] in instances
    assert names(replaced) == instances


@pytest.mark.campaign
def test_a_new_template_takes_over_without_a_failed_request(replaced: Deployment) -> None:
    before = names(replaced)
    replaced.configure(machine={"machine_type": "e2-medium"})
    with Load(replaced.url(), per_second=20, timeout=20) as load:
        printed = replaced.make("up")
    assert "web-template created replacement" in printed
    assert load.failures == []
    assert not names(replaced) & before
    replaced.pulumi("preview", "-s", "local", "--expect-no-changes")
