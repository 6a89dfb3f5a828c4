"""The load balancer: its addresses, and whose health check it goes by."""

from __future__ import annotations

import pytest

from components.balancing import Balancing
from components.frontend import Frontend
from components.invalid_argument import InvalidArgumentError
from tests.components.parts import (
    DUAL_STACK,
    make_balancer,
    make_group,
)
from tests.components.recording import REGION


def test_a_frontend_over_ipv6_alone_has_an_address_of_that_family_alone() -> None:
    made = make_balancer(Balancing(frontends={"main": Frontend(ip_version="IPV6")}), subnetwork="subnet")
    assert made.one("Address").inputs["ipv6EndpointType"] == "NETLB"
    rule = made.one("ForwardingRule").inputs
    assert (rule["ipVersion"], rule["subnetwork"]) == ("IPV6", "subnet")
    assert made.outputs["mig-nlb:compute:NetworkLoadBalancer"]["url"] == "http://[2001:db8::5]:8080"
    with pytest.raises(InvalidArgumentError, match="subnetwork = None"):
        make_balancer(Balancing(frontends={"main": Frontend(ip_version="IPV6")}))


def test_addresses_that_somebody_else_reserved_are_used_and_none_is_made() -> None:
    theirs = f"projects/p/regions/{REGION}/addresses/theirs"
    balancing = Balancing(frontends=DUAL_STACK)
    made = make_balancer(balancing, subnetwork="subnet", address="203.0.113.9", address_ipv6=theirs)
    assert made.of("Address") == []
    assert [made.named(rule).inputs["ipAddress"] for rule in ("web-main", "web-main-v6")] == [
        "203.0.113.9",
        theirs,
    ]
    outputs = made.outputs["mig-nlb:compute:NetworkLoadBalancer"]
    assert (outputs["address"], outputs["address_ipv6"]) == ("203.0.113.9", "2001:db8::9"), (
        "as the rule says it"
    )
    assert outputs["url"] == "http://203.0.113.9:8080"
    alone = Balancing(frontends={"main": Frontend(ip_version="IPV6")})
    made = make_balancer(alone, subnetwork="subnet", address_ipv6=theirs)
    assert made.outputs["mig-nlb:compute:NetworkLoadBalancer"]["url"] == "http://[2001:db8::9]:8080"


def test_the_url_has_a_port_that_something_listens_on_at_its_address() -> None:
    frontends = {"first": Frontend(ports=(9090,), ip_version="IPV6"), "second": Frontend(ports=(80, 443))}
    made = make_balancer(Balancing(frontends=frontends), subnetwork="subnet")
    assert made.outputs["mig-nlb:compute:NetworkLoadBalancer"]["url"] == "http://203.0.113.5:80"


def test_a_check_that_somebody_else_keeps_is_used_and_none_is_made() -> None:
    group, balancer = make_group(health_check="theirs"), make_balancer(health_check="theirs-2")
    assert group.of("HealthCheck") == balancer.of("RegionHealthCheck") == []
    manager = group.one("RegionInstanceGroupManager").inputs
    assert manager["autoHealingPolicies"]["healthCheck"] == "theirs"
    assert balancer.one("RegionBackendService").inputs["healthChecks"] == "theirs-2"


def test_the_two_health_checks_are_two_resources_and_each_is_used_by_its_own() -> None:
    group, balancer = make_group(), make_balancer()
    manager = group.one("RegionInstanceGroupManager")
    assert manager.property_dependencies["autoHealingPolicies"] == {"web-autohealing"}
    assert group.named("web-autohealing").type == "gcp:compute/healthCheck:HealthCheck"
    service = balancer.one("RegionBackendService")
    assert service.property_dependencies["healthChecks"] == {"web-balancer"}
    assert balancer.named("web-balancer").type == "gcp:compute/regionHealthCheck:RegionHealthCheck"
