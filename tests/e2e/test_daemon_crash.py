"""The daemon may die: the service does not notice, and the next one comes by itself and takes over what is there."""

from __future__ import annotations

import os
import select
import signal
from typing import TYPE_CHECKING

import pytest

from tests.e2e.load import Load

if TYPE_CHECKING:
    from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e


def test_the_service_lives_on_without_its_daemon_and_is_adopted_by_the_next(service: Deployment) -> None:
    before = {item["name"]: item["id"] for item in service.wait_until_healthy(3)}
    pid = service.show("status")["pid"]
    url = service.url_cached
    with Load(url, per_second=20, timeout=10) as load:
        handle = os.pidfd_open(pid)
        os.kill(pid, signal.SIGKILL)
        assert select.select([handle], [], [], 30)[0]
        os.close(handle)
        answers = {service.get()["instance"] for _ in range(60)}
        assert answers == before.keys(), (
            "new connections are accepted and balanced, whether a daemon is there or not"
        )
        assert service.show("status")["pid"] != pid, "another is there, and nobody had to start it"
    assert load.failures == [], "no request failed, neither while the daemon was away nor when it came back"
    assert {item["name"]: item["id"] for item in service.wait_until_healthy(3)} == before, (
        "the same instances, adopted"
    )

    # And it is in charge again: sessions, metadata and probes work.
    victim = max(before)
    assert service.localcloud("ssh", victim, "--", "hostname").strip() == victim
    zone = service.localcloud(
        "ssh",
        victim,
        "--",
        "curl",
        "-s",
        "-H",
        "Metadata-Flavor: Google",
        "http://metadata.google.internal/computeMetadata/v1/instance/zone",
    )
    assert zone.rpartition("/")[2].startswith("europe-west1-")
    start = service.last_event()
    service.localcloud("kill", victim)
    service.wait_for(
        lambda event: event["kind"] == "balancer.removed" and event["subject"] == victim,
        start,
        "the dead leaving",
    )
    service.wait_for(
        lambda event: event["kind"] == "autohealing.recreate" and event["subject"] == victim,
        start,
        "the repair",
    )
    service.wait_until_healthy(3)


def test_a_stopped_cloud_keeps_its_state_and_the_group_comes_back(service: Deployment) -> None:
    before = {item["name"] for item in service.wait_until_healthy(3)}
    start = service.last_event()
    service.localcloud("stop")
    service.localcloud("start")
    assert {item["name"] for item in service.wait_until_healthy(3)} == before
    story = [(event["kind"], event["subject"]) for event in service.events(start)]
    assert {subject for kind, subject in story if kind == "instance.restarted"} == before, (
        "booted again, as after a host's reboot"
    )
    assert "autohealing.recreate" not in {kind for kind, _ in story}, (
        "nobody had to find out that they were gone"
    )
    assert service.get()["instance"] in before
    service.pulumi("preview", "-s", "local", "--expect-no-changes")
