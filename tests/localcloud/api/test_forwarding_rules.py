"""Forwarding rules: whose an address is, and which rules can be beside which."""

from __future__ import annotations

from typing import Any

from tests.localcloud.api import resources
from tests.localcloud.api.client import BASE, REGION, Api, region_path
from tests.localcloud.api.resources import build, build_until

RULE = region_path("forwardingRules")


def test_an_address_is_in_use_while_a_forwarding_rule_has_it(api: Api) -> None:
    build_until(api, "forwardingRules")
    address = api.get(region_path("addresses/web"))
    assert address["status"] == "RESERVED"
    assert address["address"].startswith("127.101.7.")
    api.post(RULE, resources.forwarding_rule(IPAddress=address["address"]))
    taken = api.get(region_path("addresses/web"))
    assert (taken["status"], taken["users"]) == ("IN_USE", [f"{BASE}/regions/{REGION}/forwardingRules/web"])
    assert api.refused("DELETE", region_path("addresses/web"))[1] == "resourceInUseByAnotherResource"
    api.call("DELETE", f"{RULE}/web")
    assert api.get(region_path("addresses/web")) == address


def test_a_rule_without_an_address_gets_one_of_its_own(api: Api) -> None:
    build(api)
    reserved = api.get(region_path("addresses/web"))["address"]
    assert api.get(f"{RULE}/web")["IPAddress"] not in (reserved, "")


def test_rules_with_source_ranges_share_the_frontend_of_their_base_rule(api: Api) -> None:
    build_until(api, "forwardingRules")
    address = api.get(region_path("addresses/web"))["address"]
    ranges: list[Any] = ["192.0.2.0/24", "192.0.2.7"]
    steering = resources.forwarding_rule(name="some", IPAddress=address, sourceIpRanges=ranges)
    base = f"{BASE}/regions/{REGION}/forwardingRules/web"
    api.post(RULE, steering)
    assert "baseForwardingRule" not in api.get(f"{RULE}/some")
    api.post(RULE, resources.forwarding_rule(IPAddress=address))
    assert api.get(f"{RULE}/some")["baseForwardingRule"] == base
    api.call("DELETE", f"{RULE}/some")
    api.post(RULE, steering)
    kept = api.get(f"{RULE}/some")
    assert (kept["sourceIpRanges"], kept["baseForwardingRule"]) == (ranges, base)
    assert "baseForwardingRule" not in api.get(f"{RULE}/web")
    assert api.refused("DELETE", f"{RULE}/web")[1] == "resourceInUseByAnotherResource"
    api.call("PATCH", f"{RULE}/some", {"sourceIpRanges": ["192.0.3.0/24"]})
    assert api.get(f"{RULE}/some")["sourceIpRanges"] == ["192.0.3.0/24"]
    cases: dict[str, Any] = {
        "has this source IP range already": {**steering, "name": "again", "sourceIpRanges": ["192.0.3.0/24"]},
        "whose other bits are 0": {**steering, "name": "odd", "sourceIpRanges": ["192.0.3.1/24"]},
        "Must be an IP address": {**steering, "name": "odd", "sourceIpRanges": ["everybody"]},
        "of the same IP version": {**steering, "name": "six", "sourceIpRanges": ["2001:db8::/32"]},
        "At most 64": {**steering, "name": "many", "sourceIpRanges": [f"10.0.0.{n}" for n in range(65)]},
        "would result in a conflict": {**steering, "name": "other", "portRange": "8000-8080"},
    }
    for words, body in cases.items():
        status, reason, message = api.refused("POST", RULE, body)
        assert (status, reason, words in message) == (400, "invalid", True), message
    for name, ranges in (("web", ["192.0.9.9"]), ("some", [])):
        message = api.refused("PATCH", f"{RULE}/{name}", {"sourceIpRanges": ranges})[2]
        assert "make another forwarding rule" in message
    api.call("DELETE", f"{RULE}/some")
    api.call("DELETE", f"{RULE}/web")


def test_two_rules_cannot_share_an_address_and_overlapping_ports(api: Api) -> None:
    build_until(api, "forwardingRules")
    address = api.get(region_path("addresses/web"))["address"]
    api.post(RULE, resources.forwarding_rule(name="one", IPAddress=address, portRange="8000-8100"))
    api.post(RULE, resources.forwarding_rule(name="two", IPAddress=address, portRange="8101"))
    status, reason, message = api.refused(
        "POST", RULE, resources.forwarding_rule(IPAddress=address, portRange="8080")
    )
    assert (status, reason) == (400, "invalid")
    assert message == (
        f"Invalid value for field 'resource.IPAddress': '{address}'. "
        "Specified IP address is in-use and would result in a conflict."
    )
