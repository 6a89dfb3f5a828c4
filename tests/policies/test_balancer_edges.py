"""The edges of the rules on the balancer and the network: what is next to a mistake is none, and which one is named."""

from __future__ import annotations

import pytest
from mig_policies.verdict import Outcome

from tests.persistence import TABLE
from tests.policies.cases.case import broken, outcome, unlink
from tests.policies.engine import UNKNOWN, analyze
from tests.policies.stacks import (
    Stack,
    firewall,
    forwarding_rule,
    service,
    sound,
)

PASSED, VIOLATED, UNDETERMINED = Outcome.PASSED, Outcome.VIOLATED, Outcome.UNDETERMINED
NOT_APPLICABLE = Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("global", VIOLATED), ("regions/asia-east1", PASSED), ("regions/us-central1", PASSED)],
)
def test_a_check_outside_the_stack_is_regional_by_its_link(scope: str, expected: Outcome) -> None:
    link = f"projects/p/{scope}/healthChecks/x"
    assert outcome(sound().add(service("be", "", ["mig"], link=link)), "LB01", "be") is expected
    listed = sound().add(service("be", "", ["mig"])).but("be", healthChecks=[link])
    assert outcome(listed, "LB01", "be") is expected


def test_the_first_service_of_a_group_is_named() -> None:
    stack = sound().add(service("be2", "lb", ["mig"]))
    assert analyze(stack.resources).told("LB07") == ["group 'mig' is a backend of backend service 'be'"]


def test_the_first_service_that_may_balance_a_group_is_named() -> None:
    stack = broken(unlink("be", "backends")).add(service("be2", "lb", ["mig"]))
    unlink("be2", "backends")(stack)
    (message,) = analyze(stack.resources).told("LB07")
    assert "may be a backend of backend service 'be'," in message


@pytest.mark.parametrize("position", [0, 1])
def test_the_backend_that_balances_otherwise_is_named(position: int) -> None:
    stack = sound()
    backends = [{"group": UNKNOWN, "balancingMode": "CONNECTION"} for _ in range(2)]
    backends[position]["balancingMode"] = "CONNECTING"
    stack.but("be", backends=backends)
    assert f"backend {position} has balancingMode CONNECTING" in analyze(stack.resources).message("LB03")


@pytest.mark.parametrize(
    ("seconds", "needed", "expected"),
    [
        (0, 0, VIOLATED),
        (1, 0, PASSED),
        (1, 2, VIOLATED),
        (2, 2, PASSED),
        (3600, 0, PASSED),
        (3601, 0, VIOLATED),
    ],
)
def test_connections_drain_for_a_second_to_an_hour(seconds: int, needed: int, expected: Outcome) -> None:
    stack = sound().but("be", connectionDrainingTimeoutSec=seconds)
    assert analyze(stack.resources, {"LB04": {"drainSeconds": needed}}).outcome("LB04", "be") is expected


def test_the_least_draining_that_is_asked_for_is_said() -> None:
    stack = sound().but("be", connectionDrainingTimeoutSec=0)
    message = analyze(stack.resources, {"LB04": {"drainSeconds": 0}}).message("LB04")
    assert "connectionDrainingTimeoutSec 0, required 1 to 3600" in message


@pytest.mark.parametrize(("persistence", "tracking", "affinity"), [*TABLE, ("A", "PER_CONNECTION", "NONE")])
def test_connections_may_not_always_persist(persistence: str, tracking: str, affinity: str) -> None:
    policy = {"connectionPersistenceOnUnhealthyBackends": persistence, "trackingMode": tracking}
    stack = sound().but("be", connectionTrackingPolicy=policy, sessionAffinity=affinity)
    expected = VIOLATED if persistence == "ALWAYS_PERSIST" else PASSED
    assert outcome(stack, "LB05", "be") is expected


@pytest.mark.parametrize("protocol", ["TCP", "UDP", "UNSPECIFIED"])
@pytest.mark.parametrize("front", ["TCP", "UDP", "L3_DEFAULT", "ICMP"])
def test_a_rule_sends_to_its_protocol_or_to_any(front: str, protocol: str) -> None:
    agree = protocol == front or (protocol == "UNSPECIFIED" and front != "ICMP")
    stack = sound().but("be", protocol=protocol).but("fr", ipProtocol=front)
    assert outcome(stack, "LB02", "be") is (PASSED if agree else VIOLATED)


def test_what_a_rule_may_send_to_is_said_even_where_that_is_nothing() -> None:
    stack = sound().but("fr", ipProtocol="ICMP")
    assert "required a protocol of a passthrough balancer" in analyze(stack.resources).message("LB02")
    stack = sound().but("fr", ipProtocol="UDP")
    assert "has protocol TCP, required UDP or UNSPECIFIED" in analyze(stack.resources).message("LB02")


def test_an_empty_list_of_checks_is_told_as_none() -> None:
    stack = broken(unlink("be", "healthChecks")).but("be", healthChecks=[])
    assert "no health check, required 1" in analyze(stack.resources).message("LB01")


def test_a_rule_to_another_service_need_not_agree() -> None:
    stack = sound().add(service("be2", "lb", ["mig"], protocol="UDP"))
    stack.add(forwarding_rule("fr2", "be2", ipProtocol="UDP"))
    assert outcome(stack, "LB02", "be") is PASSED
    assert outcome(stack, "LB02", "be2") is PASSED


@pytest.mark.parametrize(
    ("name", "expected"), [("default", VIOLATED), ("a-network", PASSED), ("web", PASSED)]
)
@pytest.mark.parametrize("link", ["{}", "global/networks/{}", "projects/p/global/networks/{}"])
def test_only_the_network_called_default_is_the_default_one(link: str, name: str, expected: Outcome) -> None:
    stack = sound().but("tpl", networkInterfaces=[{"network": link.format(name)}])
    assert outcome(stack, "NET03", "tpl") is expected
    stack = sound().but("tpl", networkInterfaces=[{"subnetwork": link.format(name)}])
    assert outcome(stack, "NET03", "tpl") is expected
    assert outcome(sound().but("net", name=name), "NET03", "net") is expected


@pytest.mark.parametrize(("everywhere", "expected"), [(True, VIOLATED), (False, PASSED), (None, VIOLATED)])
def test_a_networks_ranges_are_chosen(everywhere: bool | None, expected: Outcome) -> None:
    assert outcome(sound().but("net", autoCreateSubnetworks=everywhere), "NET03", "net") is expected


@pytest.mark.parametrize("purpose", ["PRIVATE", "AGGREGATE"])
def test_a_subnetwork_for_instances_is_held_to_the_rule(purpose: str) -> None:
    assert outcome(sound().but("sub", purpose=purpose, logConfig=None), "NET03", "sub") is VIOLATED


def test_a_group_that_is_probed_by_one_of_the_two_is_looked_at() -> None:
    shut = sound().without("probes").without("clients")
    assert outcome(shut.without("be").without("fr"), "NET01", "mig") is VIOLATED
    unhealed = sound().without("probes").without("clients").but("mig", autoHealingPolicies=None)
    unlink("mig", "autoHealingPolicies")(unhealed)
    assert outcome(unhealed, "NET01", "mig") is VIOLATED


@pytest.mark.parametrize("protocol", ["icmp", "ipv6-icmp", "58"])
def test_anyone_may_ping(protocol: str) -> None:
    stack = sound().add(firewall("ping", ["0.0.0.0/0"], []))
    stack.but("ping", allows=[{"protocol": protocol}])
    assert outcome(stack, "NET02", "ping") is PASSED
    stack.but("ping", allows=[{"protocol": protocol}, {"protocol": "tcp", "ports": ["22"]}])
    assert outcome(stack, "NET02", "ping") is VIOLATED


@pytest.mark.parametrize("ports", [["22"], ["3389"]])
def test_nothing_configured_opens_what_administers(ports: list[str]) -> None:
    stack = sound().add(firewall("open", ["0.0.0.0/0"], ports))
    report = analyze(stack.resources, {"NET02": {"servicePorts": ["22", "3389", "8080"]}})
    assert report.outcome("NET02", "open") is VIOLATED


@pytest.mark.parametrize(("protocol", "expected"), [("udp", PASSED), ("esp", VIOLATED), ("sctp", VIOLATED)])
def test_a_service_port_is_one_of_tcp_or_udp(protocol: str, expected: Outcome) -> None:
    stack = sound().add(firewall("open", ["0.0.0.0/0"], ["8080"]))
    stack.but("open", allows=[{"protocol": protocol, **({"ports": ["8080"]} if protocol != "esp" else {})}])
    assert outcome(stack, "NET02", "open") is expected


def test_a_rule_for_named_sources_may_open_anything() -> None:
    stack = sound().add(firewall("iap", ["35.235.240.0/20"], ["22"]))
    assert outcome(stack, "NET02", "iap") is PASSED
    assert outcome(stack.but("iap", direction="EGRESS", sourceRanges=None), "NET02", "iap") is NOT_APPLICABLE


def test_a_global_backend_service_is_no_passthrough_balancers() -> None:
    stack = sound()
    stack["be"].type = "gcp:compute/backendService:BackendService"
    assert outcome(stack, "LB01", "be") is NOT_APPLICABLE


def test_a_forwarding_rule_without_a_service_hides_no_other() -> None:
    target = forwarding_rule("a", "", target="projects/p/regions/r/targetPools/x", backendService=None)
    stack = Stack({"a": target, **sound()}).but("fr", ipProtocol="UDP")
    assert outcome(stack, "LB02", "be") is VIOLATED


def test_a_regional_template_is_a_template() -> None:
    stack = sound()
    stack["tpl"].type = "gcp:compute/regionInstanceTemplate:RegionInstanceTemplate"
    assert outcome(stack, "NET03", "tpl") is PASSED
