"""The doctor on one deployment that is broken and mended in a dozen ways: the right cause comes first, and goes when it is mended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from components.prober_ranges import AUTOHEALING_PROBERS, PASSTHROUGH_PROBERS
from tests.e2e.patient import CANNOT_LOOK, FINISHED, GLOBAL, REGION, WELL, WRONG, Patient

if TYPE_CHECKING:
    from tests.e2e.conftest import Deploy


pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def patient(deploy: Deploy) -> Patient:
    """A deployment whose new instances autohealing leaves in peace, so that they can be looked at; all is well at first."""
    deployment = deploy("doctor", speed=10)
    deployment.configure(repair={"initial_delay_sec": 3600})
    deployment.make("up")
    deployment.wait_until_healthy(3)
    return Patient(deployment)


def test_all_is_well(patient: Patient) -> None:
    report = patient.report(WELL)
    assert report["findings"] == []
    assert report["unseen"] == []
    assert (report["group"]["target"], report["group"]["size"], report["group"]["serving"]) == (3, 3, 3)
    assert {check["role"]: check["port"] for check in report["checks"]} == {
        "autohealing": 8080,
        "balancer": 8080,
    }
    assert report["autoscaler"]["recommended"] == 3
    for one in report["instances"]:
        assert (one["autohealing"], one["balancer"], one["why"]) == ("HEALTHY", "HEALTHY", "")
        assert one["run"]["exit_status"] == 0
        assert one["run"]["tail"][-1].startswith(FINISHED)
    assert "Nothing is wrong." in patient.doctor("--stack", "local", status=WELL)


def test_gclouds_variables_are_as_good(patient: Patient) -> None:
    exports = patient.deployment.exports()
    env = {name: value for name, value in exports.items() if not name.startswith("GOOGLE_")}
    env |= patient.deployment.show("env", "--gcloud")
    command = [str(patient.deployment.root / "scripts" / "doctor"), "--group", patient.link, "--json"]
    report = json.loads(patient.deployment._run(command, env, WELL, 300))
    assert report == patient.report(WELL), "the same report, whichever variables lead to the cloud"


def test_what_cannot_be_looked_at_is_said(patient: Patient) -> None:
    printed = patient.doctor("--group", patient.link + "-gone", status=CANNOT_LOOK)
    assert "cannot be read" in printed
    assert "web-nobody is not in" in patient.doctor(
        "--stack", "local", "shell", "web-nobody", status=CANNOT_LOOK
    )


def test_the_buckets_binding_is_gone(patient: Patient) -> None:
    path = f"/storage/v1/b/{patient.bucket}/iam"
    policy = patient.call("GET", path)
    patient.call("PUT", path, {"bindings": [], "etag": policy["etag"]})
    assert patient.first()["code"] == "permission-missing", "before anybody was refused"
    victim = patient.victim()
    patient.recreate(victim)
    found = patient.first()
    assert found["code"] == "permission-missing"
    assert "web-vm@local.iam.gserviceaccount.com lacks storage.objects.get" in found["what"]
    assert f"{victim} got 403" in found["consequence"]
    assert any("403" in line for line in found["evidence"])
    assert found["mend"].startswith("gcloud storage buckets add-iam-policy-binding gs://")
    assert f"scripts/doctor shell {victim} --rerun" in found["mend"]
    codes = [finding["code"] for finding in patient.report(WRONG)["findings"]]
    assert codes == ["permission-missing"], "what follows from it is not told as another fault"

    assert "403" in patient.doctor("--stack", "local", "shell", victim)
    patient.call("PUT", path, {"bindings": policy["bindings"]})
    printed = patient.doctor("--stack", "local", "shell", victim, "--rerun", status=0)
    assert printed.count(FINISHED) == 2, "once in the journal, once by the run"
    patient.deployment.wait_until_healthy(3)
    # The run by hand is not on the serial port: the instance serves all the same, so that there is nothing to be told.
    assert patient.report(WELL)["findings"] == []


def test_nothing_leads_to_cloud_storage(patient: Patient) -> None:
    switch = f"{REGION}/subnetworks/web/setPrivateIpGoogleAccess"
    patient.call("POST", switch, {"privateIpGoogleAccess": False})
    (found,) = patient.report(WRONG)["findings"]
    assert (found["code"], found["subject"], found["severity"]) == ("google-unreachable", "web", "warning")
    # where the names of Google's APIs lead to: out, and nobody answers there
    lost = "until ip route get 199.36.153.8 | grep -q via; do sleep 0.1; done; echo cut off"
    assert "cut off" in patient.deployment.localcloud("ssh", patient.victim(), "--", "bash", "-c", lost)
    assert "neither Private Google Access nor Cloud NAT" in found["what"]
    assert "--enable-private-ip-google-access" in found["mend"]
    patient.call("POST", switch, {"privateIpGoogleAccess": True})
    assert patient.report(WELL)["findings"] == []


def test_the_script_exits_1(patient: Patient) -> None:
    victim = patient.victim()
    patient.put_script("#!/bin/bash\necho no disk today >&2\nexit 1\n")
    patient.recreate(victim)
    found = patient.first()
    assert (found["code"], found["subject"]) == ("startup-script-failed", victim)
    assert "exit status 1" in found["what"]
    assert any("no disk today" in line for line in found["evidence"])
    patient.put_script(patient.script)
    patient.doctor("--stack", "local", "shell", victim, "--rerun", status=0)
    patient.mended()


def test_the_script_is_not_in_the_bucket(patient: Patient) -> None:
    victim = patient.victim()
    patient.call("DELETE", f"/storage/v1/b/{patient.bucket}/o/{quote('startup.sh', safe='')}")
    patient.recreate(victim)
    found = patient.first()
    assert found["code"] == "startup-script-missing"
    assert found["subject"] == f"gs://{patient.bucket}/startup.sh"
    assert victim in found["consequence"]
    patient.put_script(patient.script)
    patient.doctor("--stack", "local", "shell", victim, "--rerun", status=0)
    patient.mended()


def test_the_service_listens_on_another_port(patient: Patient) -> None:
    victim = patient.victim()
    patient.put_script(patient.script.replace("service-port 8080", "service-port 9090"))
    patient.recreate(victim)
    found = patient.first()
    assert (found["code"], found["subject"]) == ("service-port-wrong", victim)
    assert "listens on port 9090, and is checked on 8080" in found["what"]
    patient.put_script(patient.script)
    patient.recreate(victim)
    patient.mended()


@pytest.mark.parametrize(
    ("role", "ranges"), [("autohealing", AUTOHEALING_PROBERS), ("balancer", PASSTHROUGH_PROBERS)]
)
def test_the_firewall_keeps_probers_out(patient: Patient, role: str, ranges: tuple[str, ...]) -> None:
    rule = f"{GLOBAL}/firewalls/web-probes"
    before = patient.call("GET", rule)
    # Both kinds of probers use 35.191.0.0/16; what is the other's own stays open.
    left = [item for item in before["sourceRanges"] if item not in ranges]
    patient.call("PATCH", rule, {"sourceRanges": left})
    patient.wait_until_failing(role, 1)
    told = patient.report(WRONG)["findings"]
    assert told[0]["code"] == "firewall-blocks-probes"
    name = patient.check(role).rpartition("/")[2]
    (found,) = [finding for finding in told if finding["subject"] == name]
    (other,) = [
        finding for finding in told if finding["code"] == "firewall-blocks-probes" and finding != found
    ]
    assert "35.191.0.0/16 from port 8080" in other["what"], (
        "of the other's ranges only the shared one is shut out"
    )
    assert all(item in found["what"] for item in ranges)
    assert "port 8080" in found["what"]
    patient.call("PATCH", rule, {"sourceRanges": before["sourceRanges"]})
    patient.mended()


def test_the_balancers_check_asks_a_wrong_path(patient: Patient) -> None:
    check = patient.check("balancer")
    patient.call(
        "PATCH", check, {"type": "HTTP", "httpHealthCheck": {"port": 8080, "requestPath": "/nothing"}}
    )
    patient.wait_until_failing("balancer", 3)
    found = patient.first()
    assert (found["code"], found["subject"]) == ("check-request-wrong", check.rpartition("/")[2])
    assert "GET /nothing" in found["what"]
    assert "--request-path=/healthz" in found["mend"]
    patient.call(
        "PATCH", check, {"type": "HTTP", "httpHealthCheck": {"port": 8080, "requestPath": "/healthz"}}
    )
    patient.mended()


def test_the_balancers_check_asks_a_wrong_port(patient: Patient) -> None:
    check = patient.check("balancer")
    patient.call(
        "PATCH", check, {"type": "HTTP", "httpHealthCheck": {"port": 8081, "requestPath": "/healthz"}}
    )
    patient.wait_until_failing("balancer", 3)
    found = patient.first()
    assert (found["code"], found["subject"]) == ("check-port-wrong", check.rpartition("/")[2])
    assert "--port=8080" in found["mend"]
    patient.call(
        "PATCH", check, {"type": "HTTP", "httpHealthCheck": {"port": 8080, "requestPath": "/healthz"}}
    )
    patient.mended()


def test_a_new_template_waits_for_somebody_to_roll_it(patient: Patient) -> None:
    before = patient.call("GET", patient.manager)
    old = before["versions"][0]["instanceTemplate"].partition("/v1/")[2]
    template = patient.call("GET", f"/compute/v1/{old}")
    patient.call(
        "POST", f"{GLOBAL}/instanceTemplates", {"name": "web-next", "properties": template["properties"]}
    )
    patient.call("PATCH", patient.manager, {
        "versions": [{"instanceTemplate": "projects/local/global/instanceTemplates/web-next"}],
        "updatePolicy": {**before["updatePolicy"], "type": "OPPORTUNISTIC"},
    })  # fmt: skip
    found = patient.first()
    assert found["code"] == "template-not-rolled"
    assert "wanted is web-next" in found["what"]
    assert "update-instances" in found["mend"]
    patient.call("PATCH", patient.manager, {
        "versions": before["versions"], "updatePolicy": before["updatePolicy"],
    })  # fmt: skip
    patient.mended()


def test_an_instance_hangs(patient: Patient) -> None:
    # Autohealing slow enough, and the hang long enough, for a busy machine to look in time.
    check = patient.check("autohealing")
    before = patient.call("GET", check)
    patient.call("PATCH", check, {"checkIntervalSec": 10, "unhealthyThreshold": 10})
    victim, start = patient.victim(), patient.last_event()
    patient.deployment.localcloud("hang", victim, "--seconds", "60")
    patient.wait_for(start, "health.balancer", victim, **{"from": "HEALTHY"})
    found = patient.first()
    assert (found["code"], found["subject"]) == ("instance-silent", victim)
    assert "it gets no traffic" in found["consequence"]
    assert "autohealing is slower: 100 s of failures until its verdict, the balancer 4 s" in found["evidence"]
    patient.deployment.wait_until_healthy(3)
    patient.call("PATCH", check, {name: before[name] for name in ("checkIntervalSec", "unhealthyThreshold")})
    patient.mended()


def test_an_instance_dies_and_is_repaired(patient: Patient) -> None:
    # Slow to believe in the new one, so that there is time to look at it.
    check = patient.check("autohealing")
    patient.call("PATCH", check, {"healthyThreshold": 10})
    victim, start = patient.victim(), patient.last_event()
    patient.deployment.localcloud("kill", victim)
    patient.wait_for(start, "autohealing.recreate", victim)
    found = patient.first()
    assert found["code"] in {"instance-being-recreated", "instance-not-ready"}
    assert (found["subject"], found["severity"]) == (victim, "warning")
    patient.call("PATCH", check, {"healthyThreshold": 2})
    patient.mended()


def test_the_autoscaler_is_at_its_maximum(patient: Patient) -> None:
    # The last of them: shrinking again would take ten minutes.
    path = f"{REGION}/autoscalers"
    policy = patient.call("GET", f"{path}/web")["autoscalingPolicy"]
    schedule = {"always": {"minRequiredReplicas": 5, "schedule": "* * * * *", "durationSec": 3600}}
    start = patient.last_event()
    capped = {**policy, "maxNumReplicas": 4, "scalingSchedules": schedule}
    patient.call("PATCH", f"{path}?autoscaler=web", {"name": "web", "autoscalingPolicy": capped})
    patient.wait_for(start, "autoscaler.resize", patient.manager.rpartition("/")[2])
    patient.deployment.wait_until_healthy(4)
    found = patient.first()
    assert (found["code"], found["severity"]) == ("autoscaler-at-max", "warning")
    assert "more than the 4 instances" in found["what"]
    free = {**capped, "maxNumReplicas": 10}
    patient.call("PATCH", f"{path}?autoscaler=web", {"name": "web", "autoscalingPolicy": free})
    patient.deployment.wait_until_healthy(5)
    assert patient.report(WELL)["findings"] == []
