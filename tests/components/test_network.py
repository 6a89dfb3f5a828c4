"""The network: who is let in, and on which ports."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components.frontend import Frontend
from components.health_check_pair import HealthCheckPair
from components.health_probe import BALANCER_DEFAULT
from components.invalid_argument import InvalidArgumentError
from components.network import ExistingVpc, FirewallPolicy, NewVpc
from tests.components.parts import (
    make_network,
)


def test_a_firewall_lets_in_both_prober_families_on_the_real_ports_of_both_checks() -> None:
    pair = HealthCheckPair(
        balancer=replace(BALANCER_DEFAULT, port=8080),
        autohealing=replace(HealthCheckPair().autohealing, port=9090),
    )
    rule = make_network(health_checks=pair).named("web-probes").inputs
    assert set(rule["sourceRanges"]) == {
        "35.191.0.0/16",
        "130.211.0.0/22",
        "209.85.152.0/22",
        "209.85.204.0/22",
    }
    assert rule["allows"] == [{"protocol": "tcp", "ports": ["8080", "9090"]}]
    assert rule["targetServiceAccounts"] == ["vm@p.iam.gserviceaccount.com"]


def test_ranges_of_the_two_families_are_in_rules_of_their_own() -> None:
    made = make_network(
        frontends=(Frontend(ports=(80,)), Frontend(ports=(8081,), ip_version="IPV6")),
        firewall=FirewallPolicy(client_ranges=("203.0.113.0/24", "2001:db8:1::/48")),
    )
    rules = {rule.name: rule.inputs for rule in made.of("Firewall")}
    assert rules["web-clients"]["sourceRanges"] == ["203.0.113.0/24"]
    assert rules["web-clients"]["allows"] == [{"protocol": "tcp", "ports": ["80"]}]
    assert rules["web-clients-v6"]["sourceRanges"] == ["2001:db8:1::/48"]
    assert rules["web-clients-v6"]["allows"] == [{"protocol": "tcp", "ports": ["8081"]}]
    assert rules["web-probes-v6"]["sourceRanges"] == ["2600:1901:8001::/48"]
    assert made.one("Subnetwork").inputs["stackType"] == "IPV4_IPV6"


def test_clients_of_a_family_that_no_frontend_has_get_no_rule() -> None:
    made = make_network(frontends=(Frontend(ip_version="IPV6"),))
    assert {rule.name for rule in made.of("Firewall")} == {"web-probes", "web-probes-v6"}


def test_a_subnetwork_can_be_made_in_a_network_that_somebody_else_keeps() -> None:
    made = make_network(vpc=NewVpc(existing_network="their-network", nat=True))
    assert made.of("Network") == []
    for resource in (made.one("Subnetwork"), made.one("Router"), *made.of("Firewall")):
        assert resource.inputs["network"] == "their-network"


def test_the_keeper_of_a_shared_network_keeps_its_firewall() -> None:
    theirs = ExistingVpc(network="their-network", subnetwork="their-subnetwork")
    made = make_network(vpc=theirs, firewall=FirewallPolicy(managed=False))
    assert [item for item in made.resources if item.custom] == []
    with pytest.raises(InvalidArgumentError, match=r"client_ranges = .*managed is false"):
        FirewallPolicy(managed=False, client_ranges=("203.0.113.0/24",))


def test_nobody_is_let_in_who_was_not_named() -> None:
    made = make_network(firewall=FirewallPolicy())
    assert [rule.name for rule in made.of("Firewall")] == ["web-probes"]
