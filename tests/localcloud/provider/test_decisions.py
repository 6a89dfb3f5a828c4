"""Check and Diff beyond what the recording shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localcloud.provider.check import Naming, Proposal, check
from localcloud.provider.diff import diff, unchanged
from localcloud.provider.refresh import imported_inputs, refreshed_inputs
from localcloud.provider.registry import RESOURCES
from localcloud.provider.schema import load_schema
from localcloud.provider.values import UNKNOWN, Asset

if TYPE_CHECKING:
    from localcloud.provider.values import Properties

FIREWALL = load_schema("gcp:compute/firewall:Firewall")
CHECK = load_schema("gcp:compute/healthCheck:HealthCheck")
RULE = load_schema("gcp:compute/forwardingRule:ForwardingRule")
TEMPLATE = load_schema("gcp:compute/instanceTemplate:InstanceTemplate")


def problems(news: Properties) -> list[str]:
    return [problem.reason for problem in check(FIREWALL, news, {}, resource_name="fw", naming=None)[1]]


def test_good_inputs_have_no_problems() -> None:
    assert (
        problems({"network": UNKNOWN, "allows": [{"protocol": "tcp", "ports": ["80"]}], "priority": "900"})
        == []
    )


@pytest.mark.parametrize(
    ("news", "said"),
    [
        ({"network": "n", "sourceRange": ["0.0.0.0/0"]}, 'did you mean "sourceRanges"?'),
        (
            {"network": "n", "allows": [{"protocol": "tcp", "port": 80}]},
            '"allows[0].port" (80) is no property',
        ),
        ({}, '"network" is not set, and gcp:compute/firewall:Firewall requires it; set it to a string'),
        ({"network": "n", "allows": [{}]}, '"allows[0].protocol" is not set'),
        (
            {"network": "n", "priority": "high"},
            "\"priority\" is 'high', and gcp:compute/firewall:Firewall takes a integer there",
        ),
        ({"network": "n", "allows": {"protocol": "tcp"}}, "takes a list of objects there"),
    ],
)
def test_wrong_inputs_are_refused_by_name_value_and_rule(news: Properties, said: str) -> None:
    found = problems(news)
    assert len(found) == 1
    assert said in found[0]


def automatic(olds: Properties, proposal: Proposal | None = None, **naming: str | int | bool) -> Properties:
    chosen = Naming(**naming)  # type: ignore[arg-type]
    inputs, _ = check(
        FIREWALL,
        {"network": "n"},
        olds,
        resource_name="My-fw",
        naming=chosen,
        seed=b"seed",
        proposal=proposal,
    )
    return inputs


def test_a_resource_without_a_name_gets_one_with_seven_digits_and_keeps_it() -> None:
    first = automatic({})
    stem, _, digits = first["name"].rpartition("-")
    assert stem == "My-fw"
    assert len(digits) == 7
    assert int(digits, 16) >= 0
    assert first["__defaults"] == ["name", "priority"]
    assert automatic({**first, "name": "My-fw-1234567"})["name"] == "My-fw-1234567"
    assert automatic({"name": "own", "__defaults": []})["name"] == first["name"]


def test_names_follow_the_types_rules_and_the_engines_wishes() -> None:
    assert automatic({}, lower=True)["name"].startswith("my-fw-")
    assert len(automatic({}, longest=12)["name"]) == 12
    assert automatic({}, Proposal("wished"))["name"] == "wished"
    assert "name" not in automatic({}, Proposal(off=True))


def test_a_prefix_stands_in_for_a_name() -> None:
    inputs, _ = check(
        TEMPLATE, {"namePrefix": "web-"}, {}, resource_name="t", naming=Naming(prefix_property="namePrefix")
    )
    assert "name" not in inputs


def changes(schema_type: str, state: Properties, news: Properties) -> list[tuple[str, str, bool]]:
    schema = load_schema(schema_type)
    return [(change.path, change.kind, change.replaces) for change in diff(schema.fields, state, news)]


@pytest.mark.parametrize(
    ("state", "news"),
    [
        ({"portRange": "8080-8080"}, {"portRange": "8080"}),
        ({"ipProtocol": "TCP"}, {"ipProtocol": "tcp"}),
        (
            {
                "backendService": "https://www.googleapis.com/compute/v1/projects/p/regions/r/backendServices/b"
            },
            {"backendService": "projects/p/regions/r/backendServices/b"},
        ),
        (
            {"backendService": "http://127.0.0.1:1/compute/v1/projects/p/regions/r/backendServices/b"},
            {"backendService": "b"},
        ),
        ({"ports": ["123", "53"]}, {"ports": ["53", "123"]}),
        ({"description": "", "allPorts": False, "labels": {}}, {}),
        ({"ipAddress": "203.0.113.5", "networkTier": "PREMIUM"}, {}),
    ],
)
def test_other_spellings_and_what_the_api_filled_in_are_no_difference(
    state: Properties, news: Properties
) -> None:
    state = {"loadBalancingScheme": "EXTERNAL", **state}
    assert changes(RULE.type, state, news) == []


def test_links_to_different_resources_differ() -> None:
    link = "https://www.googleapis.com/compute/v1/projects/p/regions/r/backendServices/"
    state = {"backendService": link + "a", "loadBalancingScheme": "EXTERNAL"}
    assert changes(RULE.type, state, {"backendService": "projects/p/regions/r/backendServices/b"}) == [
        ("backendService", "UPDATE", True)
    ]
    assert changes(RULE.type, state, {"backendService": "projects/q/regions/r/backendServices/a"}) == [
        ("backendService", "UPDATE", True)
    ]


def test_an_unknown_input_is_a_change_that_replaces_where_the_property_does() -> None:
    state = {"network": "n", "priority": 1000, "targetTags": ["a"], "direction": "INGRESS"}
    found = changes(
        FIREWALL.type, state, {"network": "n", "priority": 1000, "targetTags": UNKNOWN, "direction": UNKNOWN}
    )
    assert found == [("direction", "UPDATE", True), ("targetTags", "UPDATE", False)]


def test_objects_lists_and_maps_differ_by_path() -> None:
    state = {
        "checkIntervalSec": 5,
        "timeoutSec": 5,
        "healthyThreshold": 2,
        "unhealthyThreshold": 2,
        "httpHealthCheck": {"port": 80, "requestPath": "/", "proxyHeader": "NONE"},
    }
    news = {"tcpHealthCheck": {"port": 80, "proxyHeader": "NONE"}, "sourceRegions": ["a", "b"]}
    assert changes(CHECK.type, state, news) == [
        ("httpHealthCheck", "DELETE", False),
        ("sourceRegions[0]", "ADD", False),
        ("sourceRegions[1]", "ADD", False),
        ("tcpHealthCheck", "ADD", False),
    ]
    assert changes(
        TEMPLATE.type, {"metadata": {"a": "1", "b-c": "2"}}, {"metadata": {"a": "2", "d": "3"}}
    ) == [
        ("metadata.a", "UPDATE", True),
        ("metadata.d", "ADD", True),
        ('metadata["b-c"]', "DELETE", True),
    ]


def test_a_changed_rule_in_a_set_is_shown_where_it_is() -> None:
    old = [{"protocol": "tcp", "ports": ["80"]}, {"protocol": "udp", "ports": ["53"]}]
    new = [{"protocol": "udp", "ports": ["53"]}, {"protocol": "tcp", "ports": ["81"]}]
    state = {"network": "n", "priority": 1000, "allows": old}
    assert changes(FIREWALL.type, state, {"network": "n", "priority": 1000, "allows": new}) == [
        ("allows[1].ports[0]", "UPDATE", False)
    ]


def test_assets_differ_by_their_content() -> None:
    state = {"bucket": "b", "name": "o", "source": Asset("", None, "aa"), "detectMd5hash": "x"}
    news = {"bucket": "b", "name": "o", "detectMd5hash": "x"}
    kind = "gcp:storage/bucketObject:BucketObject"
    assert changes(kind, state, {**news, "source": Asset("path", "/elsewhere", "aa")}) == []
    assert changes(kind, state, {**news, "source": Asset("path", "/elsewhere", "bb")}) == [
        ("source", "UPDATE", True)
    ]


def test_refreshed_inputs_are_what_the_resource_has_now() -> None:
    inputs = {
        "network": "n",
        "priority": 1000,
        "__defaults": ["priority"],
        "sourceRanges": ["b", "a"],
        "description": "mine",
    }
    state = {
        "network": "n",
        "priority": 7,
        "sourceRanges": ["a", "b"],
        "description": "",
        "targetTags": ["others"],
    }
    assert refreshed_inputs(FIREWALL.fields, inputs, state) == {
        "network": "n",
        "priority": 7,
        "__defaults": [],
        "sourceRanges": ["a", "b"],
        "description": "",
    }


def test_an_import_asks_for_what_makes_no_difference() -> None:
    for resource_type, state in {
        FIREWALL.type: {
            "network": "n",
            "priority": 1000,
            "direction": "INGRESS",
            "description": "d",
            "selfLink": "s",
            "allows": [],
        },
        CHECK.type: {
            "name": "c",
            "timeoutSec": 3,
            "checkIntervalSec": 5,
            "healthyThreshold": 2,
            "unhealthyThreshold": 2,
            "type": "TCP",
        },
    }.items():
        schema = load_schema(resource_type)
        inputs = imported_inputs(schema.fields, state)
        assert "selfLink" not in inputs
        assert "type" not in inputs
        assert (
            diff(
                schema.fields, state, {name: value for name, value in inputs.items() if name != "__defaults"}
            )
            == []
        )


def test_every_served_type_has_fields_and_a_state_that_a_plan_fills() -> None:
    assert len(RESOURCES) == 29
    for resource in RESOURCES.values():
        assert resource.schema.fields
        assert set(resource.stable) <= set(resource.schema.fields)


def test_a_change_within_something_that_replaces_replaces() -> None:
    state = {"networkInterfaces": [{"network": "n", "igmpQuery": "IGMP_QUERY_DISABLED"}]}
    news = {"networkInterfaces": [{"network": "n", "igmpQuery": "IGMP_QUERY_V2"}]}
    assert not TEMPLATE.fields["networkInterfaces"].fields["igmpQuery"].replaces
    assert changes(TEMPLATE.type, state, news) == [("networkInterfaces[0].igmpQuery", "UPDATE", True)]


def test_an_update_leaves_alone_what_the_program_ignores() -> None:
    planned, state = {"size": 3, "ports": [1]}, {"size": 7, "ports": [2], "id": 5}
    assert unchanged(planned, state, ["size", "elsewhere"]) == {"size": 7, "ports": [1]}
