"""Changes take time on the cloud's clock: operations are pending, run and end; a binding is seen a little later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localcloud.api.latencies import Latencies
from tests.localcloud.api.client import Api, global_path
from tests.localcloud.api.resources import network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLOW = Latencies(operations={"networks": 8.0}, bindings=7.0)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Api]:
    made = Api(tmp_path, latencies=SLOW)
    yield made
    made.close()


def test_an_operation_is_pending_then_runs_then_is_done(slow: Api) -> None:
    begun = slow.clock.now()
    operation = slow.post(global_path("networks"), network())
    path = global_path(f"operations/{operation['name']}")
    assert (operation["status"], operation["progress"]) == ("PENDING", 0)
    assert "startTime" not in operation
    assert "endTime" not in operation
    slow.later(2)
    running = slow.get(path)
    assert (running["status"], running["insertTime"] < running["startTime"]) == ("RUNNING", True)
    slow.later(5.9)
    assert slow.get(path)["status"] == "RUNNING"
    slow.later(0.1)
    done = slow.get(path)
    assert (done["status"], done["progress"]) == ("DONE", 100)
    assert done["startTime"] == running["startTime"] < done["endTime"]
    assert slow.clock.now() == begun + 8
    assert slow.post(global_path("firewalls"), {"name": "f", "network": "global/networks/net",
                     "allowed": [{"IPProtocol": "tcp"}]})["status"] == "DONE"  # fmt: skip


def test_whoever_waits_is_answered_when_it_is_done(slow: Api) -> None:
    operation = slow.post(global_path("networks"), network())
    path = global_path(f"operations/{operation['name']}/wait")
    answer = slow.while_waiting(path, lambda: None, passing=8)
    assert answer["status"] == "DONE"


def test_a_wait_is_over_after_two_minutes_done_or_not(tmp_path: Path) -> None:
    api = Api(tmp_path, latencies=Latencies(otherwise=500))
    operation = api.post(global_path("networks"), network())
    path = global_path(f"operations/{operation['name']}/wait")
    assert api.while_waiting(path, lambda: None, passing=120)["status"] == "PENDING"
    api.close()


def test_an_operation_goes_on_after_a_restart(slow: Api) -> None:
    operation = slow.post(global_path("networks"), network())
    path = global_path(f"operations/{operation['name']}")
    slow.reopen()
    assert slow.get(path)["status"] == "PENDING"
    slow.later(8)
    assert slow.get(path)["status"] == "DONE"


def test_a_binding_and_its_removal_are_seen_later(slow: Api) -> None:
    slow.post("/v1/projects/p/serviceAccounts", {"accountId": "web-sa"})
    slow.post("/storage/v1/b?project=p", {"name": "p-scripts"})
    email = "web-sa@p.iam.gserviceaccount.com"
    scope = "https://www.googleapis.com/auth/cloud-platform"
    token = slow.identities.mint(email, scopes=(scope,), instance_key="i").access_token

    def status() -> int:
        return slow.raw("GET", "/storage/v1/b/p-scripts/o", token=token).status_code

    granted = {"bindings": [{"role": "roles/storage.objectViewer", "members": [f"serviceAccount:{email}"]}]}
    slow.call("PUT", "/storage/v1/b/p-scripts/iam", granted)
    assert "objectViewer" in str(slow.get("/storage/v1/b/p-scripts/iam")), "it is read back at once"
    assert status() == 403
    slow.later(6.9)
    assert status() == 403
    slow.later(0.1)
    assert status() == 200
    slow.call("PUT", "/storage/v1/b/p-scripts/iam", {"bindings": []})
    assert status() == 200
    slow.later(7)
    assert status() == 403


def test_an_account_made_anew_inherits_nothing_meanwhile(slow: Api) -> None:
    slow.post("/v1/projects/p/serviceAccounts", {"accountId": "web-sa"})
    email = "web-sa@p.iam.gserviceaccount.com"
    granted = {"bindings": [{"role": "roles/compute.viewer", "members": [f"serviceAccount:{email}"]}]}
    slow.post("/crm/v1/projects/p:setIamPolicy", {"policy": granted})
    slow.later(7)
    slow.post("/crm/v1/projects/p:setIamPolicy", {"policy": {"bindings": []}})
    slow.call("DELETE", f"/v1/projects/p/serviceAccounts/{email}")
    slow.post("/v1/projects/p/serviceAccounts", {"accountId": "web-sa"})
    scope = "https://www.googleapis.com/auth/cloud-platform"
    token = slow.identities.mint(email, scopes=(scope,), instance_key="i").access_token
    assert slow.raw("GET", global_path("networks"), token=token).status_code == 403


def test_variables_say_how_long_changes_take() -> None:
    usual = Latencies.from_environment({})
    assert 0 < usual.of("networks") < 0.1
    assert usual.of("instanceTemplates") == 0
    given = {"LOCALCLOUD_OPERATION_SECONDS": "5", "LOCALCLOUD_IAM_SECONDS": "0"}
    slow = Latencies.from_environment(given)
    assert (slow.of("networks"), slow.of("instanceTemplates"), slow.bindings) == (5, 5, 0)
    assert Latencies.from_environment({"LOCALCLOUD_OPERATION_SECONDS": "0"}).of("networks") == 0
    for text in ("soon", "-1", "3601", "nan"):
        with pytest.raises(ValueError, match="must be a number of cloud seconds from 0 to 3600"):
            Latencies.from_environment({"LOCALCLOUD_IAM_SECONDS": text})
