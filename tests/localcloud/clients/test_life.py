"""A service's whole life, by each client: everything it is made of, a change, and all of it gone again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.localcloud.clients.client import GROUP, PROJECT, REGION, ZONES, Check, Client
from tests.localcloud.clients.conftest import EVERYONE

if TYPE_CHECKING:
    from collections.abc import Mapping

PROBERS = ("130.211.0.0/22", "35.191.0.0/16", "209.85.152.0/22", "209.85.204.0/22")
AUTOHEALING = Check(name="heal", regional=False, interval=30, timeout=10, healthy=1, unhealthy=5)
BALANCING = Check(name="lb", regional=True)
BASE = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"


def build_group(client: Client, size: int = 2) -> None:
    """Make a group over three zones, with what it needs, and wait until it is stable."""
    client.create_network("net", "sub", "10.128.0.0/20")
    client.create_firewall("probers", "net", 8080, PROBERS)
    client.create_check(AUTOHEALING)
    client.create_template("one", "sub", {"color": "blue"})
    client.create_group("web", "one", size, AUTOHEALING.name, 120)
    client.cloud.until_stable(GROUP)


def build(client: Client, size: int = 2) -> None:
    """Make a service without autoscaler, and wait until its group is stable."""
    build_group(client, size)
    client.create_check(BALANCING)
    client.create_backend_service("web", BALANCING.name, "web")


@pytest.mark.parametrize("client", EVERYONE, indirect=True)
def test_a_service_is_made_changed_and_taken_away(client: Client) -> None:
    build(client)
    client.create_address("web")
    client.create_forwarding_rule("web", "web", "web", 8080)
    client.create_autoscaler("web", 2, 4, 0.7)
    client.set_autoscaler_maximum("web", 5)
    assert_made(client)
    for kind, name in (
        ("forwardingRules", "web"),
        ("addresses", "web"),
        ("regionAutoscalers", "web"),
        ("regionBackendServices", "web"),
        ("regionInstanceGroupManagers", "web"),
        ("instanceTemplates", "one"),
        ("regionHealthChecks", "lb"),
        ("healthChecks", "heal"),
        ("firewalls", "probers"),
        ("subnetworks", "sub"),
        ("networks", "net"),
    ):
        assert client.describe(kind, name)
        client.delete(kind, name)
    assert client.cloud.keys("compute/") == []
    client.cloud.until(
        lambda store: all(key.startswith("control/request-ids/") for key in store.keys("control/")),
        "the controllers have forgotten it",
    )


def assert_made(client: Client) -> None:
    """Whichever client made it: this is what the cloud has."""
    region = f"projects/{PROJECT}/regions/{REGION}"
    address = _has(client, f"{region}/addresses/web", {"status": "IN_USE", "addressType": "EXTERNAL"})[
        "address"
    ]
    rule = {
        "IPAddress": address,
        "IPProtocol": "TCP",
        "backendService": f"{BASE}/regions/{REGION}/backendServices/web",
    }
    assert "8080" in str(_has(client, f"{region}/forwardingRules/web", rule))
    _has(
        client,
        f"{region}/backendServices/web",
        {
            "protocol": "TCP",
            "loadBalancingScheme": "EXTERNAL",
            "healthChecks": [f"{BASE}/regions/{REGION}/healthChecks/lb"],
            "backends": [
                {"group": f"{BASE}/regions/{REGION}/instanceGroups/web", "balancingMode": "CONNECTION"}
            ],
        },
    )
    _has(
        client,
        GROUP,
        {
            "targetSize": 2,
            "instanceTemplate": f"{BASE}/global/instanceTemplates/one",
            "distributionPolicy": {
                "zones": [{"zone": f"{BASE}/zones/{zone}"} for zone in ZONES],
                "targetShape": "EVEN",
            },
            "autoHealingPolicies": [
                {"healthCheck": f"{BASE}/global/healthChecks/heal", "initialDelaySec": 120}
            ],
        },
    )
    ((_, policy),) = client.cloud.store.scan(f"compute/{region}/autoscalers/")  # gcloud names it as it likes
    assert policy["target"] == f"{BASE}/regions/{REGION}/instanceGroupManagers/web"
    assert policy["autoscalingPolicy"]["maxNumReplicas"] == 5
    assert policy["autoscalingPolicy"]["cpuUtilization"]["utilizationTarget"] == 0.7
    for name, numbers in (
        (f"projects/{PROJECT}/global/healthChecks/heal", (30, 10, 1, 5)),
        (f"{region}/healthChecks/lb", (5, 5, 2, 2)),
    ):
        fields = ("checkIntervalSec", "timeoutSec", "healthyThreshold", "unhealthyThreshold")
        check = _has(client, name, dict(zip(fields, numbers, strict=True)))
        assert check["httpHealthCheck"]["port"] == 8080
    template = _has(client, f"projects/{PROJECT}/global/instanceTemplates/one", {})["properties"]
    assert template["machineType"] == "e2-small"
    assert {"key": "color", "value": "blue"} in template["metadata"]["items"]
    assert template["networkInterfaces"][0]["subnetwork"] == f"{BASE}/regions/{REGION}/subnetworks/sub"
    network = {"network": f"{BASE}/global/networks/net", "direction": "INGRESS"}
    firewall = _has(client, f"projects/{PROJECT}/global/firewalls/probers", network)
    assert sorted(firewall["sourceRanges"]) == sorted(PROBERS)


def _has(client: Client, name: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Compare these fields of a resource with what they should be."""
    document = client.cloud.store.get(f"compute/{name}")
    assert document is not None, f"{name} is not there"
    assert {field: document.get(field) for field in fields} == fields
    return document
