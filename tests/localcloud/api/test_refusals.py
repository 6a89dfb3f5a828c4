"""What Compute refuses, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.localcloud.api import resources
from tests.localcloud.api.client import BASE, REGION, Api, global_path, region_path
from tests.localcloud.api.resources import build_until

_CHECK = "Invalid value for field 'resource."
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (
        "networks",
        {"name": "Net"},
        f"{_CHECK}name': 'Net'. Must be a match of regex '[a-z](?:[-a-z0-9]{{0,61}}[a-z0-9])?'",
    ),
    (
        "networks",
        {"name": "x", "colour": 1},
        "Invalid JSON payload received. Unknown name \"colour\" at 'resource': Cannot find field.",
    ),
    ("networks", {"name": "x", "mtu": "big"}, "Invalid value at 'resource.mtu' (TYPE_INT32), \"big\""),
    ("healthChecks", resources.tcp_check(type="BOGUS"), f"{_CHECK}type': 'BOGUS'. Must be one of: GRPC, "),
    ("networks", {}, "Required field 'resource.name' not specified"),
    (
        "subnetworks",
        resources.subnetwork(ipCidrRange="10.0.0.0/33"),
        f"{_CHECK}ipCidrRange': '10.0.0.0/33'. Invalid IPCidrRange",
    ),
    (
        "subnetworks",
        resources.subnetwork(network="global/networks/none"),
        "The resource 'projects/p/global/networks/none' was not found",
    ),
    (
        "firewalls",
        resources.firewall(denied=[{"IPProtocol": "all"}]),
        "Exactly one of 'allowed' and 'denied'",
    ),
    (
        "firewalls",
        resources.firewall(allowed=[{"IPProtocol": "tcp", "ports": ["99999"]}]),
        "between 0 and 65535",
    ),
    (
        "healthChecks",
        resources.tcp_check(checkIntervalSec=10, timeoutSec=30),
        f"{_CHECK}timeoutSec': '30'. TimeoutSec should be less than checkIntervalSec.",
    ),
    (
        "healthChecks",
        resources.tcp_check(unhealthyThreshold=11),
        f"{_CHECK}unhealthyThreshold': '11'. Value must be between 1 and 10.",
    ),
    (
        "healthChecks",
        resources.tcp_check(httpHealthCheck={"port": 80}),
        "Cannot be specified for a health check of type TCP",
    ),
    (
        "instanceTemplates",
        resources.template(machineType="e9-tiny"),
        "Machine type with name 'e9-tiny' does not exist.",
    ),
    (
        "instanceTemplates",
        resources.template(disks=[]),
        "Required field 'resource.properties.disks' not specified",
    ),
    (
        "instanceGroupManagers",
        resources.group(updatePolicy={"maxUnavailable": {"fixed": 2}}),
        (
            f"{_CHECK}updatePolicy.maxUnavailable.fixed': '2'. Fixed updatePolicy.maxUnavailable for regional managed instance group "
            "has to be either 0 or at least equal to the number of zones."
        ),
    ),
    (
        "instanceGroupManagers",
        resources.group(updatePolicy={"replacementMethod": "RECREATE", "maxSurge": {"percent": 20}}),
        "maxSurge must be equal to 0 when replacement method is set to RECREATE",
    ),
    (
        "instanceGroupManagers",
        resources.group(updatePolicy={"maxUnavailable": {"percent": 20}}),
        (
            f"{_CHECK}updatePolicy.maxUnavailable.percent': '20'. A percentage can be specified for groups of 10 instances or more; "
            "this one has 3."
        ),
    ),
    (
        "instanceGroupManagers",
        resources.group(
            versions=[
                {"instanceTemplate": "global/instanceTemplates/tpl"},
                {
                    "name": "canary",
                    "instanceTemplate": "global/instanceTemplates/tpl",
                    "targetSize": {"fixed": 1},
                },
            ],
            distributionPolicy={"targetShape": "BALANCED"},
            updatePolicy={"instanceRedistributionType": "NONE"},
        ),
        "Two versions can be specified with target shape EVEN only; it is BALANCED.",
    ),
    (
        "instanceGroupManagers",
        {"name": "web", "targetSize": 1},
        "Required field 'resource.versions' not specified",
    ),
    (
        "backendServices",
        resources.backend_service(
            backends=[
                {"group": f"{BASE}/regions/{REGION}/instanceGroups/web", "balancingMode": "UTILIZATION"}
            ]
        ),
        f"{_CHECK}backends[0].balancingMode': 'UTILIZATION'. Balancing mode must be CONNECTION for an EXTERNAL backend service.",
    ),
    (
        "backendServices",
        resources.backend_service(healthChecks=["global/healthChecks/heal"]),
        "takes a regional health check",
    ),
    ("forwardingRules", resources.forwarding_rule(ports=["80"]), "Only one of ports, portRange and allPorts"),
    ("forwardingRules", resources.forwarding_rule(IPProtocol="UDP"), "does not match the forwarding rule's"),
    (
        "forwardingRules",
        resources.forwarding_rule(IPAddress="1.2.3.4"),
        "'1.2.3.4' was not found in region 'europe-west1'.",
    ),
]


@pytest.mark.parametrize(("collection", "body", "words"), REFUSED)
def test_what_google_refuses_is_refused_in_its_words(
    api: Api, collection: str, body: dict[str, Any], words: str
) -> None:
    build_until(api, collection)
    if collection != "networks":
        assert any(path.endswith(f"/{collection}") for path, _ in resources.STACK)
    regional = {"subnetworks", "instanceGroupManagers", "backendServices", "forwardingRules"}
    path = region_path(collection) if collection in regional else global_path(collection)
    status, _, message = api.refused("POST", path, body)
    assert status == (404 if "was not found'" in message or message.endswith("was not found") else 400)
    assert words in message
