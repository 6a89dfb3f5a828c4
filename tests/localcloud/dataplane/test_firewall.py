"""Firewall rules as nftables rules: order, targets, sources, and what cannot be."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from localcloud.dataplane import firewall
from localcloud.dataplane.addresses import bridge_name, label, mark_of
from localcloud.plans.network import FirewallRule, NetworkInterface, NetworkPlan, Subnetwork

WEB = NetworkInterface(
    instance="web", network="n", subnetwork="s", address="10.0.0.2", tags=frozenset({"web"})
)
JOB = NetworkInterface(
    instance="job", network="n", subnetwork="s", address="10.0.0.3", service_account="job@x"
)
ELSEWHERE = NetworkInterface(
    instance="e", network="m", subnetwork="t", address="10.1.0.2", tags=frozenset({"web"})
)
ALLOW = FirewallRule(
    name="allow", network="n", protocols=(("tcp", ("80", "8000-8080")),), source_ranges=("0.0.0.0/0",)
)
SUBNETWORKS = (
    Subnetwork(key="s", network="n", cidr="10.0.0.0/24", gateway="10.0.0.1"),
    Subnetwork(key="t", network="m", cidr="10.1.0.0/24", gateway="10.1.0.1"),
)


def _plan(*rules: FirewallRule) -> NetworkPlan:
    return NetworkPlan(subnetworks=SUBNETWORKS, interfaces=(WEB, JOB, ELSEWHERE), firewall=rules)


def _chain(rules: firewall.Ruleset, name: str) -> list[str]:
    """Return a chain's rules with the names of sets replaced by what is in them."""
    script = "".join((*rules.fills, rules.switch))
    sets = dict(re.findall(r"add element ip firewall (\S+) \{ (.*?) \}", script))
    lines = re.findall(rf"add rule ip firewall {name} (.*)", script)
    return [re.sub(r"@(\w+)", lambda match: f"{{{sets.get(match[1], '')}}}", line) for line in lines]


def _ingress(*rules: FirewallRule) -> list[str]:
    return _chain(firewall.ruleset(_plan(*rules), "g1"), f"ingress_{label('n')}")


def _egress(*rules: FirewallRule) -> list[str]:
    return _chain(firewall.ruleset(_plan(*rules), "g1"), f"egress_{label('n')}")


def test_without_rules_ingress_is_denied_and_egress_allowed() -> None:
    assert _ingress() == ["counter drop"]
    assert _egress() == ["counter return"]


def test_lower_numbers_come_first_and_deny_before_allow() -> None:
    deny = replace(ALLOW, name="deny", action="deny")
    first = replace(ALLOW, name="z", priority=10)
    verdicts = [line.split()[-1] for line in _ingress(ALLOW, deny, first)]
    assert verdicts == ["accept", "drop", "accept", "drop"]


def test_ports_and_protocols_are_matched() -> None:
    rule = replace(ALLOW, protocols=(("tcp", ("80", "8000-8080")), ("icmp", ()), ("47", ()), ("UDP", ())))
    assert _ingress(rule)[:-1] == [
        "tcp dport { 80, 8000-8080 } counter accept",
        "ip protocol icmp counter accept",
        "ip protocol 47 counter accept",
        "ip protocol udp counter accept",
    ]


def test_targets_are_the_tagged_instances_of_the_rules_own_network() -> None:
    mark = f"{mark_of(WEB.address):#x}"
    (line, _) = _ingress(replace(ALLOW, target_tags=frozenset({"web"})))
    assert line == f"meta mark {{{mark}}} tcp dport {{ 80, 8000-8080 }} counter accept"
    job = f"{mark_of(JOB.address):#x}"
    (line, _) = _ingress(replace(ALLOW, target_service_accounts=frozenset({"job@x"})))
    assert line.startswith(f"meta mark {{{job}}} ")
    assert _ingress(replace(ALLOW, target_tags=frozenset({"nobody"}))) == ["counter drop"]


def test_source_ranges_and_tags_are_alternatives() -> None:
    rule = replace(ALLOW, source_ranges=("10.9.0.0/16", "10.9.1.0/24"), source_tags=frozenset({"web"}))
    starts = [line.partition(" tcp")[0] for line in _ingress(rule)[:-1]]
    assert starts == ["ip saddr { 10.9.0.0/16 }", "ip saddr {10.0.0.2}"]
    assert _ingress(replace(ALLOW, source_ranges=(), source_tags=frozenset({"nobody"}))) == ["counter drop"]


def test_egress_rules_match_destinations_and_leave_the_rest_to_ingress() -> None:
    rule = replace(
        ALLOW, direction="EGRESS", action="deny", source_ranges=(), destination_ranges=("10.9.0.0/16",)
    )
    assert _egress(rule) == [
        "ip daddr { 10.9.0.0/16 } tcp dport { 80, 8000-8080 } counter drop",
        "counter return",
    ]
    assert _egress(replace(rule, action="allow"))[0].endswith("counter return")


def test_ipv6_ranges_match_no_ipv4_packet() -> None:
    assert _ingress(replace(ALLOW, source_ranges=("2600:1901:8001::/48",))) == ["counter drop"]


def test_networks_do_not_reach_each_other() -> None:
    forward = _chain(firewall.ruleset(_plan(ALLOW), "g1"), "forward")
    here, there = bridge_name("s"), bridge_name("t")
    assert f'iifname {{ "{here}" }} oifname {{ "{there}" }} counter drop' in forward


def test_machines_speak_from_no_address_of_the_routers_and_from_nobodys() -> None:
    spoofed = _chain(firewall.ruleset(_plan(), "g1"), "spoofed")
    ranges = "10.0.0.2-10.0.0.254, 127.1.0.0-127.255.255.255"
    assert spoofed[0] == f'iifname "{bridge_name("s")}" ip saddr != {{ {ranges} }} counter drop'
    elsewhere = replace(SUBNETWORKS[0], gateway="10.0.0.200")
    (line,) = _chain(firewall.ruleset(NetworkPlan(subnetworks=(elsewhere,)), "g1"), "spoofed")
    assert "{ 10.0.0.1-10.0.0.199, 10.0.0.201-10.0.0.254, " in line


def test_an_unknown_protocol_is_named() -> None:
    with pytest.raises(ValueError, match="firewall rule allow: protocol 'tpc' is not one of"):
        _ingress(replace(ALLOW, protocols=(("tpc", ()),)))


def test_more_instances_than_one_transaction_takes_are_filled_in_parts() -> None:
    interfaces = tuple(
        replace(WEB, instance=str(number), address=f"10.0.{number >> 8}.{number & 255}")
        for number in range(2, 3002)
    )
    rule = replace(ALLOW, target_tags=frozenset({"web"}))
    rules = firewall.ruleset(
        NetworkPlan(subnetworks=SUBNETWORKS, interfaces=interfaces, firewall=(rule,)), "g1"
    )
    counts = [len(re.findall(r"0x[0-9a-f]+", script)) for script in rules.fills]
    assert sum(counts) == 6000
    assert max(counts) <= firewall.CHUNK
    assert "add rule" not in "".join(rules.fills)
