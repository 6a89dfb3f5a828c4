"""The main job: `make up` puts the service on the local cloud, and it stays up through crashes and hiccups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.load import Load

if TYPE_CHECKING:
    from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e

# The balancer's and autohealing's checks of Pulumi.local.yaml are read from the stack's outputs, never repeated here.
# A verdict is written when the daemon gets the last probe's outcome: real milliseconds, which the cloud's clock multiplies.
SLACK_REAL_SECONDS = 0.4
# From the verdict until the kernel's tables follow; measured at 0.03 to 0.45 s on two busy cores.
PROPAGATION_REAL_SECONDS = 1.0


def _bounds(check: dict[str, Any], deployment: Deployment) -> tuple[float, float]:
    """Return how long a silent death may take to be noticed, in cloud seconds: (k-1)I+T to kI+T."""
    bounds = check["detection_sec"]
    return bounds["min"], bounds["max"] + SLACK_REAL_SECONDS * deployment.speed


def _checks(deployment: Deployment) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = deployment.outputs()["health_checks"]
    return found


def test_up_again_changes_nothing(service: Deployment) -> None:
    printed = service.make("up")
    assert "unchanged" in printed
    assert not any(word in printed for word in (" created", " updated", " replaced", " deleted"))
    service.pulumi("preview", "-s", "local", "--expect-no-changes")


def test_every_healthy_instance_answers_and_sees_the_clients_address(service: Deployment) -> None:
    healthy = {item["name"] for item in service.wait_until_healthy(3)}
    answers = [service.get() for _ in range(100)]
    assert {answer["instance"] for answer in answers} == healthy
    for answer in answers:
        assert answer["client"]["address"] == "198.18.0.1"  # how the cloud calls this machine's 127.0.0.1


def test_a_killed_instance_leaves_the_balancer_and_is_recreated_by_autohealing(service: Deployment) -> None:
    checks = _checks(service)
    before = {item["name"]: item["id"] for item in service.wait_until_healthy(3)}
    victim = min(before)
    start = service.last_event()
    with Load(service.url_cached, per_second=20, timeout=20) as load:
        service.localcloud("kill", victim)
        service.wait_for(
            lambda event: event["kind"] == "autohealing.recreate" and event["subject"] == victim,
            start,
            "the recreation",
        )
        back = service.wait_for(
            lambda event: (
                event["kind"] == "health.balancer"
                and event["subject"] == victim
                and event["data"]["to"] == "HEALTHY"
            ),
            start,
            f"{victim} back in the balancer",
        )
    story = [
        event for event in service.events(start) if event["subject"] == victim and event["seq"] <= back["seq"]
    ]

    def at(kind: str, **data: str) -> float:
        times = [
            event["at"]
            for event in story
            if event["kind"] == kind and all(event["data"].get(k) == v for k, v in data.items())
        ]
        assert times, f"no {kind} {data} in {[(event['kind'], event['message']) for event in story]}"
        return float(times[0])

    killed = at("operator.kill")
    unhealthy = at("health.balancer", **{"from": "HEALTHY"})
    removed = at("balancer.removed")
    recreated = at("autohealing.recreate")
    low, high = _bounds(checks["balancer"], service)
    assert low <= unhealthy - killed <= high
    assert 0 <= removed - unhealthy <= PROPAGATION_REAL_SECONDS * service.speed
    low, high = _bounds(checks["autohealing"], service)
    assert low <= recreated - killed <= high
    after = {item["name"]: item["id"] for item in service.wait_until_healthy(3)}
    assert after.keys() == before.keys(), "an instance is recreated with its own name"
    assert after[victim] != before[victim], "a recreated instance is a new one"
    assert {name: after[name] for name in after if name != victim} == {
        name: before[name] for name in before if name != victim
    }

    assert load.answers
    to_cloud = service.cloud_time()
    for started, ended, error in load.failures:
        during = to_cloud(started) <= removed and to_cloud(ended) >= killed
        assert during, f"a request failed outside the detection window: {error}"
    names = {name for started, _, name in load.answers if to_cloud(started) > back["at"]}
    service.wait_until_healthy(3)
    assert victim in names | {service.get()["instance"] for _ in range(60)}, (
        "the recreated instance gets traffic again"
    )


def test_a_hanging_instance_loses_its_traffic_but_not_its_life(service: Deployment) -> None:
    checks = _checks(service)
    before = {item["name"]: item["id"] for item in service.wait_until_healthy(3)}
    victim = sorted(before)[1]
    longest = checks["balancer"]["detection_sec"]["max"]
    shortest = checks["autohealing"]["detection_sec"]["min"]
    seconds = (longest + shortest) / 2
    assert longest < seconds < shortest
    start = service.last_event()
    with Load(service.url_cached, per_second=20, timeout=20) as load:
        service.localcloud("hang", victim, "--seconds", f"{seconds:g}")
        left = service.wait_for(
            lambda event: event["kind"] == "balancer.removed" and event["subject"] == victim,
            start,
            "traffic leaving it",
        )
        # The kernel's tables follow the verdict, and the event that tells of them comes last: until the verdict nothing may come back.
        verdict = service.wait_for(
            lambda event: (
                event["kind"] == "health.balancer"
                and event["subject"] == victim
                and event["data"]["to"] == "HEALTHY"
            ),
            left["seq"],
            "its recovery",
        )
        service.wait_for(
            lambda event: event["kind"] == "balancer.added" and event["subject"] == victim,
            verdict["seq"],
            "traffic coming back",
        )
        service.wait_until_healthy(3)
    to_cloud = service.cloud_time()
    meanwhile = {
        name
        for started, ended, name in load.answers
        if left["at"] < to_cloud(started) < to_cloud(ended) < verdict["at"]
    }
    assert meanwhile == before.keys() - {victim}, "the others answer while it is out of the balancer"
    assert {item["name"]: item["id"] for item in service.wait_until_healthy(3)} == before
    assert victim in {service.get()["instance"] for _ in range(60)}, "it gets traffic again"
    assert not [event for event in service.events(start) if event["kind"] == "autohealing.recreate"]
