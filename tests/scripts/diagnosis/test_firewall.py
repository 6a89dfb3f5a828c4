"""Which addresses the firewall keeps out, by priority and down to parts of a range."""

from __future__ import annotations

from scripts.diagnosis.firewall import IMPLIED, blocked
from tests.scripts.diagnosis.parts import firewall_rule

RANGE = "35.191.0.0/16"


def test_an_allowed_range_is_open() -> None:
    assert blocked([firewall_rule()], "tcp", 8080, RANGE) == []


def test_another_port_or_protocol_is_not_open() -> None:
    assert blocked([firewall_rule()], "tcp", 8081, RANGE) == [(RANGE, IMPLIED)]
    assert blocked([firewall_rule()], "udp", 8080, RANGE) == [(RANGE, IMPLIED)]


def test_protocols_are_known_by_number_and_as_all() -> None:
    for name in ("6", "all", "TCP"):
        assert blocked([firewall_rule(entries=((name, ()),))], "tcp", 8080, RANGE) == []


def test_half_of_a_range_may_be_open() -> None:
    half = firewall_rule(sources=("35.191.0.0/17",))
    assert blocked([half], "tcp", 8080, RANGE) == [("35.191.128.0/17", IMPLIED)]
    both = [half, firewall_rule(sources=("35.191.128.0/17",))]
    assert blocked(both, "tcp", 8080, RANGE) == []


def test_deny_wins_at_equal_priority_and_loses_to_a_better_one() -> None:
    deny = firewall_rule(name="deny-all", allows=False, sources=("0.0.0.0/0",), entries=(("all", ()),))
    allow = firewall_rule()
    assert blocked([allow, deny], "tcp", 8080, RANGE) == [(RANGE, "deny-all")]
    assert blocked([firewall_rule(priority=900), deny], "tcp", 8080, RANGE) == []


def test_a_deny_within_the_range_blocks_that_part() -> None:
    deny = firewall_rule(name="deny-some", allows=False, sources=("35.191.7.0/24",), priority=10)
    assert blocked([firewall_rule(), deny], "tcp", 8080, RANGE) == [("35.191.7.0/24", "deny-some")]


def test_ipv6_ranges_are_judged_by_ipv6_sources() -> None:
    six = "2600:1901:8001::/48"
    assert blocked([firewall_rule()], "tcp", 8080, six) == [(six, IMPLIED)]
    assert blocked([firewall_rule(sources=("::/0",))], "tcp", 8080, six) == []
    half = firewall_rule(sources=("2600:1901:8001::/49",))
    assert blocked([half], "tcp", 8080, six) == [("2600:1901:8001:8000::/49", IMPLIED)]


def test_ipv6_sources_do_not_matter_to_ipv4_probes() -> None:
    assert blocked([firewall_rule(sources=("2600:2d00::/32",))], "tcp", 8080, RANGE) == [(RANGE, IMPLIED)]
