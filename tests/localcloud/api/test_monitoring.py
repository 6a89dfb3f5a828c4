"""Alert policies, channels and dashboards: kept whole, checked for form, and said to have no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from localcloud.discovery.json_value import JsonValue
    from tests.localcloud.api.client import Api

POLICIES = "/monitoring/v3/projects/p/alertPolicies"
CHANNELS = "/monitoring/v3/projects/p/notificationChannels"
DASHBOARDS = "/monitoring/v1/projects/p/dashboards"
CONDITION: dict[str, JsonValue] = {
    "displayName": "few",
    "conditionThreshold": {"filter": 'metric.type="m"', "comparison": "COMPARISON_LT", "duration": "60s"},
}
POLICY: dict[str, JsonValue] = {"displayName": "few", "combiner": "OR", "conditions": [CONDITION]}
CHANNEL: dict[str, JsonValue] = {"type": "email", "labels": {"email_address": "ops@example.com"}}


def test_a_policy_and_its_conditions_have_names_that_stay(api: Api) -> None:
    made = api.post(POLICIES, POLICY)
    assert made["enabled"] is True
    condition = made["conditions"][0]["name"]
    assert condition.startswith(made["name"] + "/conditions/")
    path = f"/monitoring/v3/{made['name']}"
    body = {"conditions": [{**CONDITION, "name": condition, "displayName": "fewer"}]}
    changed = api.call("PATCH", f"{path}?updateMask=conditions", body)
    assert changed["conditions"][0]["name"] == condition
    assert changed["conditions"][0]["displayName"] == "fewer"
    assert (changed["displayName"], changed["combiner"]) == ("few", "OR")
    assert changed["creationRecord"] == made["creationRecord"]
    events = [event for event in api.store.events() if event.kind == "unsupported"]
    assert {event.data["resource"] for event in events} == {made["name"]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"displayName": ""}, "display_name"),
        ({"conditions": []}, "0 conditions"),
        ({"conditions": [{"displayName": "x"}]}, "exactly one kind of condition"),
        ({"conditions": [CONDITION, CONDITION], "combiner": "COMBINE_UNSPECIFIED"}, "combiner"),
        ({"notificationChannels": ["projects/p/notificationChannels/1"]}, "does not exist"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(api: Api, change: dict[str, JsonValue], said: str) -> None:
    assert said in api.refused("POST", POLICIES, {**POLICY, **change})[2]


def test_a_channel_in_use_goes_only_by_force(api: Api) -> None:
    channel = api.post(CHANNELS, CHANNEL)["name"]
    policy = api.post(POLICIES, {**POLICY, "notificationChannels": [channel]})["name"]
    assert "1 alerting policies use it" in api.refused("DELETE", f"/monitoring/v3/{channel}?force=false")[2]
    api.call("DELETE", f"/monitoring/v3/{channel}?force=true")
    assert "notificationChannels" not in api.get(f"/monitoring/v3/{policy}")


def test_a_channel_has_a_known_type_its_labels_and_no_readable_secret(api: Api) -> None:
    assert "'pigeon'" in api.refused("POST", CHANNELS, {"type": "pigeon"})[2]
    assert "labels['email_address']" in api.refused("POST", CHANNELS, {"type": "email"})[2]
    slack = {"type": "slack", "labels": {"channel_name": "#ops", "auth_token": "hush"}}
    api.post(CHANNELS, slack)
    assert "hush" not in str(api.snapshot())


def test_a_dashboard_keeps_its_empty_widgets_and_refuses_stale_etags(api: Api) -> None:
    grid: JsonValue = {"widgets": [{"blank": {}}]}
    made = api.post(DASHBOARDS, {"displayName": "d", "gridLayout": grid})
    path = f"/monitoring/v1/{made['name']}"
    assert api.get(path)["gridLayout"] == grid
    changed = api.call("PATCH", path, {"displayName": "e", "gridLayout": grid, "etag": made["etag"]})
    assert (changed["displayName"], changed["name"]) == ("e", made["name"])
    stale = {"displayName": "f", "gridLayout": grid, "etag": made["etag"]}
    assert api.refused("PATCH", path, stale)[:2] == (409, "ABORTED")
    assert "exactly one of gridLayout" in api.refused("POST", DASHBOARDS, {"displayName": "d"})[2]
    assert [each["name"] for each in api.get(DASHBOARDS)["dashboards"]] == [made["name"]]
    api.call("DELETE", path)
    assert api.get(DASHBOARDS) == {}
