"""An instance needs permission to fetch its start-up script: what is seen without it, and how it is mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Deploy

pytestmark = pytest.mark.e2e

JOURNAL = ("sudo", "journalctl", "--no-pager", "-u", "google-startup-scripts.service")
FINISHED = "Finished running startup scripts"


def test_without_the_binding_the_fetch_gets_403_and_with_it_the_runner_mends_the_instance(
    deploy: Deploy,
) -> None:
    deployment = deploy("permissions", speed=10)
    # Autohealing would recreate instances that never serve; here one is to be looked at in peace. And a deployment that waits for its
    # instances would wait for these in vain.
    deployment.configure(
        iam={"bucket": None}, repair={"initial_delay_sec": 3600}, group={"wait_for_instances": False}
    )
    deployment.up_without_policies()
    denied = deployment.wait_for(lambda event: event["kind"] == "iam.denied", 0, "a refused fetch")
    assert denied["data"]["permission"] == "storage.objects.get"
    victim = min(item["name"] for item in deployment.instances())
    deployment.wait_for(
        lambda event: event["kind"] == "instance.running" and event["subject"] == victim,
        0,
        f"{victim} running",
    )
    deployment.watch([*JOURNAL, "--follow"], victim, until=FINISHED)

    journal = deployment.localcloud("ssh", victim, "--", *JOURNAL)
    assert "403" in journal
    assert "does not have storage.objects.get access" in journal
    assert {item["balancer"] for item in deployment.instances()} == {"UNHEALTHY"}
    missing = deployment.show("status")["denied"]
    assert {(item["principal"], item["permission"]) for item in missing} == {
        ("web-vm@local.iam.gserviceaccount.com", "storage.objects.get")
    }
    assert "storage.objects.get" in deployment.localcloud("status")

    deployment.configure(iam={"bucket": {"roles/storage.objectViewer": {}}})
    deployment.pulumi("up", "--yes", "--stack", "local")
    rerun = deployment.localcloud("ssh", victim, "--", "sudo", "google_metadata_script_runner", "startup")
    assert FINISHED in rerun
    start = deployment.last_event()
    if {item["name"]: item["balancer"] for item in deployment.instances()}[victim] != "HEALTHY":
        deployment.wait_for(
            lambda event: (
                event["kind"] == "health.balancer"
                and event["subject"] == victim
                and event["data"]["to"] == "HEALTHY"
            ),
            start,
            f"{victim} healthy",
        )
    assert deployment.get()["instance"] == victim
    assert deployment.show("status")["denied"] == []

    bucket = deployment.api("/storage/v1/b?project=local")["items"][0]["name"]
    script = next(
        item["name"]
        for item in deployment.api(f"/storage/v1/b/{bucket}/o")["items"]
        if item["name"].endswith("startup.sh")
    )
    deployment.upload(bucket, script, "#!/bin/bash\necho the second edition\n")
    rerun = deployment.localcloud("ssh", victim, "--", "sudo", "google_metadata_script_runner", "startup")
    assert "the second edition" in rerun, "the script is fetched anew each time, never kept on the machine"
