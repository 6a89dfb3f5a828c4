"""What is asked of IPv6 has to go together, and to be possible on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.localcloud.api import resources
from tests.localcloud.api.client import REGION, Api, global_path, region_path
from tests.localcloud.api.resources import build

if TYPE_CHECKING:
    from pathlib import Path

SUBNETWORK = {
    "name": "six",
    "network": "global/networks/net",
    "ipCidrRange": "10.9.0.0/24",
    "stackType": "IPV4_IPV6",
    "ipv6AccessType": "EXTERNAL",
}


def template(subnetwork: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    interface = {"subnetwork": f"regions/{REGION}/subnetworks/{subnetwork}", **fields}
    return resources.template("dual", networkInterfaces=[interface])


@pytest.mark.parametrize(
    ("subnetwork", "fields", "rule"),
    [
        ("sub", {"stackType": "IPV4_IPV6"}, "Subnetwork 'sub' has no IPv6 range"),
        ("six", {"ipv6AccessConfigs": [{"type": "DIRECT_IPV6"}]}, "set stackType to IPV4_IPV6"),
        (
            "six",
            {"stackType": "IPV4_IPV6", "ipv6AccessConfigs": [{"networkTier": "STANDARD"}]},
            "PREMIUM tier",
        ),
        ("inner", {"stackType": "IPV4_IPV6", "ipv6AccessConfigs": [{}]}, "'inner' is internal"),
    ],
)
def test_a_template_asks_for_what_its_subnetwork_has(
    api: Api, subnetwork: str, fields: dict[str, Any], rule: str
) -> None:
    build(api)
    api.post(region_path("subnetworks"), SUBNETWORK)
    api.call("PATCH", global_path("networks/net"), {"enableUlaInternalIpv6": True})
    inner = {**SUBNETWORK, "name": "inner", "ipCidrRange": "10.9.1.0/24", "ipv6AccessType": "INTERNAL"}
    api.post(region_path("subnetworks"), inner)
    status, _, message = api.refused("POST", global_path("instanceTemplates"), template(subnetwork, **fields))
    assert (status, rule in message) == (400, True), message


def test_one_firewall_rule_is_about_one_family(api: Api) -> None:
    build(api)
    wanted = resources.firewall(name="mixed", sourceRanges=["10.0.0.0/8", "2001:2::/48"])
    assert "a rule for each" in api.refused("POST", global_path("firewalls"), wanted)[2]
    api.post(global_path("firewalls"), {**wanted, "sourceRanges": ["2001:2::/48"]})


def test_a_rules_reserved_address_may_be_given_as_its_range_and_is_premium(api: Api) -> None:
    build(api)
    api.post(region_path("subnetworks"), SUBNETWORK)
    place = {"subnetwork": f"regions/{REGION}/subnetworks/six", "ipVersion": "IPV6"}
    api.post(region_path("addresses"), {"name": "six", "ipv6EndpointType": "NETLB", **place})
    number = api.get(region_path("addresses/six"))["address"]
    rule = resources.forwarding_rule(name="six", ipVersion="IPV6", IPAddress=f"{number}/96")
    standard = {**rule, "networkTier": "STANDARD"}
    assert "PREMIUM tier" in api.refused("POST", region_path("forwardingRules"), standard)[2]
    api.post(region_path("forwardingRules"), rule)
    assert api.get(region_path("forwardingRules/six"))["IPAddress"] == f"{number}/96"
    assert api.get(region_path("addresses/six"))["status"] == "IN_USE"


def test_without_ipv6_in_the_kernel_a_dual_stack_subnetwork_is_refused_and_nothing_else(
    tmp_path: Path,
) -> None:
    api = Api(tmp_path, ipv6=False)
    build(api)
    status, reason, message = api.refused("POST", region_path("subnetworks"), SUBNETWORK)
    assert (status, reason) == (400, "invalid")
    assert "The kernel of this machine has no IPv6 (it was booted with ipv6.disable=1" in message
    assert "use IPV4_ONLY" in message
    api.close()
