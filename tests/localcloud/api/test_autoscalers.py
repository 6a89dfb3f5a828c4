"""Autoscalers: whom they size, what they have where nothing is said, and what none could follow."""

from __future__ import annotations

import pytest

from tests.localcloud.api import resources
from tests.localcloud.api.client import BASE, PROJECT, REGION, Api, region_path
from tests.localcloud.api.resources import build
from tests.localcloud.api.test_groups import put

PATH = region_path("instanceGroupManagers/web")
AUTOSCALERS = region_path("autoscalers")


def test_a_group_is_not_resized_while_an_autoscaler_sizes_it(api: Api) -> None:
    build(api)
    api.post(f"{PATH}/resize?size=5")
    assert api.get(PATH)["targetSize"] == 5
    api.post(AUTOSCALERS, resources.autoscaler())
    status, reason, message = api.refused("POST", f"{PATH}/resize?size=1")
    assert (status, reason) == (412, "conditionNotMet")
    assert message.startswith("Resizing of autoscaled regional managed instance groups is not allowed.")
    api.call("PATCH", f"{AUTOSCALERS}?autoscaler=web", {"autoscalingPolicy": {"mode": "OFF"}})
    api.post(f"{PATH}/resize?size=1")


def test_an_autoscaler_has_googles_defaults_and_one_group(api: Api) -> None:
    build(api)
    api.post(AUTOSCALERS, resources.autoscaler())
    found = api.get(f"{AUTOSCALERS}/web")
    assert found["target"] == f"{BASE}/regions/{REGION}/instanceGroupManagers/web"
    assert found["status"] == "PENDING"
    assert found["autoscalingPolicy"] == {
        "minNumReplicas": 2,
        "maxNumReplicas": 6,
        "coolDownPeriodSec": 60,
        "mode": "ON",
        "cpuUtilization": {"utilizationTarget": 0.6, "predictiveMethod": "NONE"},
    }
    assert (
        api.refused("POST", AUTOSCALERS, resources.autoscaler(name="two"))[1]
        == "resourceInUseByAnotherResource"
    )
    assert (
        api.refused("PUT", AUTOSCALERS, {"autoscalingPolicy": {}})[2]
        == "Required field 'autoscaler' not specified"
    )


def _schedule(**changes: object) -> dict[str, object]:
    schedule = {"schedule": "0 8 * * MON-FRI", "durationSec": 3600, "minRequiredReplicas": 5}
    return {"scalingSchedules": {"day": {**schedule, **changes}}}


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (
            _schedule(schedule="0 25 * * *"),
            "Schedules.day.schedule': '0 25 * * *'. schedule '0 25 * * *': '25' is not within",
        ),
        (
            _schedule(timeZone="Europe/Atlantis"),
            "'Europe/Atlantis'. time zone 'Europe/Atlantis': the tz database has none",
        ),
        (_schedule(timeZone="../etc"), "the tz database has none of this name"),
        (_schedule(durationSec=299), "durationSec': '299'. Must be at least 300."),
        (_schedule(minRequiredReplicas=-1), "minRequiredReplicas': '-1'. Value must be between 0 and 2000."),
        (
            {"scaleInControl": {"maxScaledInReplicas": {"fixed": 1, "percent": 5}}},
            "Only one of 'fixed' and 'percent' can be specified.",
        ),
        (
            {"scaleInControl": {"timeWindowSec": 59}},
            "timeWindowSec': '59'. Value must be between 60 and 3600.",
        ),
        (
            {"stabilizationPeriodSec": 3601},
            "stabilizationPeriodSec': '3601'. Value must be between 0 and 3600.",
        ),
        (
            {"customMetricUtilizations": [{"metric": "custom.googleapis.com/q"}]},
            "Required field 'resource.autoscalingPolicy.customMetricUtilizations[0].utilizationTarget' not specified",
        ),
        (
            {"customMetricUtilizations": [{"metric": "custom.googleapis.com/q", "utilizationTarget": 0}]},
            "customMetricUtilizations[0].utilizationTarget': '0'. Must be greater than 0.",
        ),
    ],
)
def test_a_policy_that_no_autoscaler_could_follow_is_refused(
    api: Api, policy: dict[str, object], words: str
) -> None:
    build(api)
    body = resources.autoscaler()
    body["autoscalingPolicy"].update(policy)
    status, _, message = api.refused("POST", AUTOSCALERS, body)
    assert status == 400
    assert words in message


def test_a_put_of_an_autoscaler_keeps_what_the_controllers_wrote(api: Api) -> None:
    build(api)
    api.post(AUTOSCALERS, resources.autoscaler())
    key = f"compute/projects/{PROJECT}/regions/{REGION}/autoscalers/web"
    put(api, key, {**(api.store.get(key) or {}), "status": "ACTIVE", "recommendedSize": 4})
    policy = {"maxNumReplicas": 9}
    api.call("PUT", f"{AUTOSCALERS}?autoscaler=web", resources.autoscaler(autoscalingPolicy=policy))
    found = api.get(f"{AUTOSCALERS}/web")
    assert (found["status"], found["recommendedSize"], found["autoscalingPolicy"]["maxNumReplicas"]) == (
        "ACTIVE",
        4,
        9,
    )
