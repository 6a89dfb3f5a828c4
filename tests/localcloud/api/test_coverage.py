"""The coverage page says what is; fields without effect are told when they are set."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from localcloud.api.app import handlers
from localcloud.api.coverage import DRIVEN, PAGE, render
from localcloud.api.effective import EFFECTIVE, unheeded
from localcloud.api.effective import told as told_fields
from localcloud.api.effects import NO_EFFECT
from localcloud.discovery.document import load
from localcloud.discovery.generate import KEPT
from tests.localcloud.api import resources
from tests.localcloud.api.client import REGION, global_path, region_path
from tests.localcloud.api.resources import build

if TYPE_CHECKING:
    from localcloud.discovery.json_value import JsonValue
    from tests.localcloud.api.client import Api


def test_the_page_is_what_the_tables_make() -> None:
    assert PAGE.read_text() == render(), "run: python -m localcloud.api.coverage"


@pytest.mark.parametrize("schema", sorted(NO_EFFECT))
def test_every_field_without_effect_is_a_field_of_googles(schema: str) -> None:
    name = next(name for name in KEPT if name != "compute.v1" and schema in load(name).schemas())
    api = load(name)
    for entry in NO_EFFECT[schema]:
        node: JsonValue = api.schema(schema)
        for name in entry.path.split("."):
            node = node["properties"][name.removesuffix("[]")]
            node = node.get("items", node)
            node = api.schema(node["$ref"]) if "$ref" in node else node


@pytest.mark.parametrize("schema", sorted(EFFECTIVE))
def test_every_field_that_acts_is_a_field_of_googles(schema: str) -> None:
    api = load("compute.beta")
    for path in EFFECTIVE[schema]:
        node: JsonValue = api.schema(schema)
        for name in path.split("."):
            node = node.get("items") or node.get("additionalProperties") or node
            node = api.schema(node["$ref"]) if "$ref" in node else node
            assert name in node["properties"], path
            node = node["properties"][name]


def test_a_method_that_no_test_drives_is_one_that_is_refused() -> None:
    driven = {method for methods in json.loads(DRIVEN.read_text()).values() for method in methods}
    served = {method for name in KEPT for method in load(name).methods} & handlers().keys()
    always_refused = {
        *(f"iam.projects.serviceAccounts.keys.{verb}" for verb in ("create", "upload", "get", "delete", "disable", "enable")),
        "serviceusage.services.disable",
    }  # fmt: skip
    assert served - driven == always_refused


def test_no_field_of_a_request_is_passed_over() -> None:
    rule = {
        "name": "r",
        "sourceIpRanges": ["10.0.0.0/8"],
        "serviceLabel": "web",
        "ports": ["80"],
        "allPorts": False,
        "isMirroringCollector": False,
    }
    assert unheeded("ForwardingRule", rule) == ["serviceLabel"]
    nats = [
        {"name": "n", "tcpEstablishedIdleTimeoutSec": 30, "logConfig": {"enable": True}, "type": "PUBLIC"}
    ]
    wanted = ["nats.logConfig", "nats.tcpEstablishedIdleTimeoutSec"]
    assert unheeded("Router", {"nats": nats, "bgp": {"asn": 64512}}) == ["bgp", *wanted]
    everything = told_fields("Router", load("compute.beta"))
    assert {"bgp", *wanted} <= set(everything)
    selections = {"any": {"machineTypes": ["e2-small"], "minCpuPlatform": "x"}}
    assert unheeded(
        "InstanceGroupManager", {"instanceFlexibilityPolicy": {"instanceSelections": selections}}
    ) == ["instanceFlexibilityPolicy.instanceSelections.minCpuPlatform"]


def test_what_nothing_acts_on_is_told_with_the_change(api: Api) -> None:
    build(api)
    before = len(told(api))
    api.call("PATCH", region_path("backendServices/web"), {"timeoutSec": 31})
    assert told(api)[before:] == [(f"projects/p/regions/{REGION}/backendServices/web", "timeoutSec")]
    api.call("PATCH", region_path("backendServices/web"), {"timeoutSec": 31})
    assert len(told(api)) == before + 1


def told(api: Api) -> list[tuple[str, str]]:
    return [
        (event.data["resource"], event.data["field"])
        for event in api.store.events()
        if event.kind == "unsupported"
    ]


def test_what_has_no_effect_is_told_once_when_it_is_set(api: Api) -> None:
    build(api)
    before = len(told(api))
    service = {"logConfig": {"enable": True}}
    api.call("PATCH", region_path("backendServices/web"), service)
    name = f"projects/p/regions/{REGION}/backendServices/web"
    assert told(api)[before:] == [(name, "logConfig.enable")]
    api.call("PATCH", region_path("backendServices/web"), {"description": "changed"})
    assert len(told(api)) == before + 1
    api.call("PATCH", region_path("backendServices/web"), {"logConfig": {"enable": False}})
    assert len(told(api)) == before + 1


def test_a_dual_stack_network_has_ranges_for_documentation(api: Api) -> None:
    network = {"name": "six", "autoCreateSubnetworks": False, "enableUlaInternalIpv6": True}
    api.post(global_path("networks"), network)
    assert api.get(global_path("networks/six"))["internalIpv6Range"].endswith("::/48")
    subnetwork = {
        "name": "six",
        "network": "global/networks/six",
        "ipCidrRange": "10.9.0.0/24",
        "stackType": "IPV4_IPV6",
        "ipv6AccessType": "EXTERNAL",
    }
    api.post(region_path("subnetworks"), subnetwork)
    found = api.get(region_path("subnetworks/six"))
    assert found["externalIpv6Prefix"] == found["ipv6CidrRange"] == "2001:db8::/64"
    address = {
        "ipVersion": "IPV6",
        "ipv6EndpointType": "NETLB",
        "subnetwork": f"regions/{REGION}/subnetworks/six",
    }
    for name in ("one", "two"):
        api.post(region_path("addresses"), {"name": name, **address})
    taken = [api.get(region_path(f"addresses/{name}"))["address"] for name in ("one", "two")]
    assert taken == ["2001:db8:0:0:8000::", "2001:db8::8000:1:0:0"]
    assert told(api) == []
    other = {**subnetwork, "name": "seven", "ipCidrRange": "10.9.1.0/24"}
    del other["ipv6AccessType"]
    assert api.refused("POST", region_path("subnetworks"), other)[1] == "required"


def test_another_change_beside_it_does_not_tell_again(api: Api) -> None:
    build(api)
    wanted = resources.autoscaler()
    signal = {"utilizationTarget": 0.7}
    wanted["autoscalingPolicy"]["loadBalancingUtilization"] = signal
    api.post(region_path("autoscalers"), wanted)
    field = "autoscalingPolicy.loadBalancingUtilization"
    assert [found for _, found in told(api) if found == field] == [field]
    api.call(
        "PATCH", region_path("autoscalers") + "?autoscaler=web", {"autoscalingPolicy": {"minNumReplicas": 1}}
    )
    assert [found for _, found in told(api) if found == field] == [field]
    signal["utilizationTarget"] = 0.6
    change = {"autoscalingPolicy": {"loadBalancingUtilization": signal}}
    api.call("PATCH", region_path("autoscalers") + "?autoscaler=web", change)
    assert [found for _, found in told(api) if found == field] == [field, field]


def test_a_buckets_rules_are_told(api: Api) -> None:
    rule = {"action": {"type": "Delete"}, "condition": {"age": 3}}
    api.post("/storage/v1/b?project=p", {"name": "p-b", "lifecycle": {"rule": [rule]}})
    api.call("PATCH", "/storage/v1/b/p-b", {"labels": {"a": "b"}})
    assert told(api) == [("b/p-b", "lifecycle.rule")]
