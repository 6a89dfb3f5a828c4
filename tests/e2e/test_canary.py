"""A canary on the local cloud: a few instances get another version, and nobody else is touched, neither when it comes nor when it goes.

The service has a frontend over IPv6 beside the other, where this machine's kernel has it, so "healthy" means over both.
"""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

import pytest

from localcloud.dataplane.family import kernel_has_ipv6

if TYPE_CHECKING:
    from tests.e2e.conftest import Deploy
    from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e


def names(deployment: Deployment) -> set[str]:
    return {item["name"] for item in deployment.wait_until_healthy(3)}


def answers_over_ipv6(deployment: Deployment, instances: set[str]) -> None:
    """Ask at the rule's very address, as a client in the cloud, and where this machine's loopback has IPv6 also from there."""
    address = deployment.outputs()["address_ipv6"]
    printed = [deployment.localcloud("client", "--", "curl", "-sf", f"http://[{address}]:8080/")]
    (six,) = (
        rule for rule in deployment.show("status")["forwarding_rules"] if rule["address"] == f"{address}/96"
    )
    for place in six["reached_at"]:
        with urllib.request.urlopen(f"http://{place}/", timeout=30) as response:
            printed.append(response.read().decode())
    for answer in map(json.loads, printed):
        assert answer["instance"] in instances
        assert answer["client"]["address"] == "2001:2::1"
        assert answer["server"] == {"address": address, "port": 8080}


def test_a_canary_replaces_one_instance_when_it_comes_and_when_it_goes(deploy: Deploy) -> None:
    deployment = deploy("canary", speed=10)
    if kernel_has_ipv6():
        clients = ["198.18.0.0/15", "2001:2::/48"]
        frontends = {"six": {"ip_version": "IPV6"}}
        deployment.configure(firewall={"client_ranges": clients}, load_balancer={"frontends": frontends})
    deployment.make("up")
    before = names(deployment)
    if kernel_has_ipv6():
        answers_over_ipv6(deployment, before)

    deployment.configure(canary={"size": 1, "machine": {"machine_type": "e2-medium"}})
    deployment.make("up")
    during = names(deployment)
    assert len(during & before) == 2

    deployment.configure(canary=None)
    deployment.make("up")
    assert names(deployment) & during == before & during, "only the canary went"
    templates = deployment.api("/compute/v1/projects/local/global/instanceTemplates")["items"]
    assert len(templates) == 1
