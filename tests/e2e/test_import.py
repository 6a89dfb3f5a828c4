"""Moving a group in that was made by hand: imported under its own names, and then there is nothing to change."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Deploy
    from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e

PROJECT, REGION = "local", "europe-west1"
GLOBAL, PLACE = f"projects/{PROJECT}/global", f"projects/{PROJECT}/regions/{REGION}"
EMAIL = f"legacy-vm@{PROJECT}.iam.gserviceaccount.com"
PROBERS = ["130.211.0.0/22", "209.85.152.0/22", "209.85.204.0/22", "35.191.0.0/16"]
IMAGE = "projects/debian-cloud/global/images/family/debian-12"
SCRIPT = """#!/bin/bash
cat > /opt/legacy.py <<'SERVER'
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"instance": "legacy"}')

ThreadingHTTPServer(("", 8080), Handler).serve_forever()
SERVER
systemd-run --unit legacy python3 /opt/legacy.py
"""
METADATA = {
    "startup-script": SCRIPT,
    "enable-oslogin": "TRUE",
    "serial-port-enable": "FALSE",
    "block-project-ssh-keys": "TRUE",
}
BALANCER = {"checkIntervalSec": 2, "timeoutSec": 2, "healthyThreshold": 2, "unhealthyThreshold": 2}
AUTOHEALING = {"checkIntervalSec": 3, "timeoutSec": 3, "healthyThreshold": 2, "unhealthyThreshold": 9}
HTTP = {
    "type": "HTTP",
    "httpHealthCheck": {"port": 8080, "requestPath": "/healthz"},
    "logConfig": {"enable": True},
}


class ByHand:
    """What somebody with a console does: Google's REST API, and nothing of this program."""

    def __init__(self, deployment: Deployment) -> None:
        self._endpoint = deployment.show("status")["endpoint"]
        self._token = deployment.show("env")["GOOGLE_OAUTH_ACCESS_TOKEN"]

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON of the method called
        request = urllib.request.Request(
            self._endpoint + path, method=method, data=None if body is None else json.dumps(body).encode()
        )
        request.add_header("Authorization", f"Bearer {self._token}")
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error

    def make(self, collection: str, name: str, **fields: object) -> str:
        """Make a resource of Compute and wait for it; returns its relative name."""
        operation = self.call("POST", f"/compute/beta/{collection}", {"name": name, **fields})
        done = self.call("POST", f"/compute/{operation['selfLink'].partition('/compute/')[2]}/wait")
        assert (done["status"], done.get("error")) == ("DONE", None)
        return f"{collection}/{name}"


def make_everything(hand: ByHand) -> dict[str, str]:
    """Make a service as people make it by hand; returns relative names by what the program calls the resources."""
    hand.call("POST", f"/v1/projects/{PROJECT}/serviceAccounts", {"accountId": "legacy-vm"})
    made = {"network": hand.make(f"{GLOBAL}/networks", "legacy-net", autoCreateSubnetworks=False)}
    made["subnetwork"] = hand.make(
        f"{PLACE}/subnetworks",
        "legacy-subnet",
        network=made["network"],
        ipCidrRange="10.9.0.0/24",
        privateIpGoogleAccess=True,
    )
    for name, ranges in (("probes", PROBERS), ("clients", ["198.18.0.0/15"])):
        made[name] = hand.make(
            f"{GLOBAL}/firewalls", f"legacy-allow-{name}", network=made["network"], sourceRanges=ranges,
            allowed=[{"IPProtocol": "tcp", "ports": ["8080"]}], targetServiceAccounts=[EMAIL],
        )  # fmt: skip
    made["template"] = hand.make(
        f"{GLOBAL}/instanceTemplates", "legacy-template-7",
        properties={
            "machineType": "e2-small",
            "disks": [{"boot": True, "autoDelete": True, "initializeParams": {
                "sourceImage": IMAGE, "diskSizeGb": "10", "diskType": "pd-balanced"}}],
            "networkInterfaces": [{"subnetwork": made["subnetwork"]}],
            "metadata": {"items": [{"key": key, "value": value} for key, value in METADATA.items()]},
            "serviceAccounts": [{"email": EMAIL, "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}],
            "shieldedInstanceConfig": {"enableSecureBoot": True, "enableVtpm": True, "enableIntegrityMonitoring": True},
            "scheduling": {"automaticRestart": True, "onHostMaintenance": "MIGRATE"},
        },
    )  # fmt: skip
    made["autohealing"] = hand.make(f"{GLOBAL}/healthChecks", "legacy-heal", **AUTOHEALING, **HTTP)
    made["group"] = hand.make(
        f"{PLACE}/instanceGroupManagers", "legacy-group", baseInstanceName="legacy", targetSize=3,
        versions=[{"instanceTemplate": made["template"]}], namedPorts=[{"name": "http", "port": 8080}],
        distributionPolicy={"zones": [{"zone": f"zones/{REGION}-{zone}"} for zone in "bcd"]},
        autoHealingPolicies=[{"healthCheck": made["autohealing"], "initialDelaySec": 30}],
        updatePolicy={"type": "PROACTIVE", "minimalAction": "REPLACE", "mostDisruptiveAllowedAction": "REPLACE",
                      "replacementMethod": "SUBSTITUTE", "instanceRedistributionType": "PROACTIVE",
                      "maxSurge": {"fixed": 3}, "maxUnavailable": {"fixed": 0}, "minReadySec": 1},
    )  # fmt: skip
    made["autoscaler"] = hand.make(
        f"{PLACE}/autoscalers", "legacy-scaler", target=made["group"],
        autoscalingPolicy={"minNumReplicas": 3, "maxNumReplicas": 9, "coolDownPeriodSec": 15, "mode": "ON",
                           "cpuUtilization": {"utilizationTarget": 0.6},
                           "scaleInControl": {"timeWindowSec": 60, "maxScaledInReplicas": {"fixed": 5}}},
    )  # fmt: skip
    made["balancer"] = hand.make(f"{PLACE}/healthChecks", "legacy-lb", **BALANCER, **HTTP)
    made["backend"] = hand.make(
        f"{PLACE}/backendServices", "legacy-backend", loadBalancingScheme="EXTERNAL", protocol="TCP",
        healthChecks=[made["balancer"]], connectionDraining={"drainingTimeoutSec": 5},
        backends=[{"group": made["group"].replace("Managers", "s"), "balancingMode": "CONNECTION"}],
        failoverPolicy={"dropTrafficIfUnhealthy": False}, logConfig={"enable": True, "sampleRate": 0.1},
    )  # fmt: skip
    made["address"] = hand.make(f"{PLACE}/addresses", "legacy-ip", networkTier="PREMIUM")
    address = hand.call("GET", f"/compute/v1/{made['address']}")["address"]
    made["main"] = hand.make(
        f"{PLACE}/forwardingRules", "legacy-rule", loadBalancingScheme="EXTERNAL", IPProtocol="TCP", ports=["8080"],
        IPAddress=address, backendService=made["backend"], networkTier="PREMIUM",
    )  # fmt: skip
    return made


def describe(deployment: Deployment, made: dict[str, str]) -> None:
    """Write the stack's file: what there is, and how it is called."""
    name = {key: value.rsplit("/", 1)[-1] for key, value in made.items()}
    deployment.configure(
        iam=None,
        identity={"email": EMAIL},
        network={"cidr": "10.9.0.0/24", "flow_logs": False},
        firewall={"client_ranges": ["198.18.0.0/15"]},
        group={"base_instance_name": "legacy"},
        machine={"image": IMAGE},
        names={
            "network": name["network"],
            "subnetwork": name["subnetwork"],
            "firewalls": {"probes": name["probes"], "clients": name["clients"]},
            "template": name["template"],
            "autohealing_check": name["autohealing"],
            "group": name["group"],
            "autoscaler": name["autoscaler"],
            "balancer_check": name["balancer"],
            "backend_service": name["backend"],
            "address": name["address"],
            "forwarding_rules": {"main": name["main"]},
        },
    )
    deployment.configure(startup=None)
    deployment.configure(startup={"text": SCRIPT})


def steps(deployment: Deployment) -> dict[str, tuple[str, set[str]]]:
    """Return what a preview would do that is not nothing, by resource: the operation, and the properties it is because of."""
    printed = deployment.pulumi("preview", "-s", "local", "--json")
    found = json.loads(printed[printed.index("{") :])["steps"]
    return {
        step["urn"].rsplit("::", 1)[-1]: (
            step["op"],
            {path.split(".")[0] for path in step.get("detailedDiff") or {}},
        )
        for step in found
        if step["op"] != "same"
    }


def test_a_group_made_by_hand_is_imported_and_nothing_is_replaced(deploy: Deploy) -> None:
    deployment = deploy("import", speed=10)
    deployment.start_cloud()
    made = make_everything(ByHand(deployment))
    before = {item["name"]: item["id"] for item in deployment.wait_until_healthy(3)}
    describe(deployment, made)

    deployment.pulumi("stack", "select", "--create", "local")
    deployment.pulumi("preview", "-s", "local", "--import-file", "import.json")
    file = deployment.root / "import.json"
    wanted = json.loads(file.read_text())
    for resource in wanted["resources"]:
        if "id" in resource:
            resource["id"] = made[resource["name"].removeprefix("web-")]
    file.write_text(json.dumps(wanted))
    deployment.pulumi(
        *(
            "import",
            "-s",
            "local",
            "--yes",
            "--file",
            "import.json",
            "--generate-code=false",
            "--protect=false",
        )
    )

    assert steps(deployment) == {
        "web-autohealing": ("update", {"description"}),
        "web-balancer": ("update", {"description"}),
        "web-group": ("update", {"waitForInstances", "waitForInstancesStatus"}),
    }
    deployment.pulumi("up", "--yes", "--stack", "local")
    deployment.pulumi("preview", "-s", "local", "--expect-no-changes")
    assert {item["name"]: item["id"] for item in deployment.wait_until_healthy(3)} == before
    assert deployment.get()["instance"] == "legacy"

    # The first change that makes a new template takes the old one's name out, and the policy pack has nothing against the rest.
    deployment.configure(names={"template": None})
    printed = deployment.make("preview")
    assert "web-template replace" in printed
    assert "web-group update" in printed
    assert printed.count(" replace ") == 1
