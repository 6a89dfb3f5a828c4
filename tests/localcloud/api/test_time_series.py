"""Time series: written a point at a time, read back by metric and labels; what autoscalers scale by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from localcloud.clock import rfc3339
from localcloud.plans import metrics

if TYPE_CHECKING:
    from tests.localcloud.api.client import Api

PATH = "/monitoring/v3/projects/p/timeSeries"
METRIC = "custom.googleapis.com/queue/length"


def series(at: float, value: float, instance: str = "4001", **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    labels = {"project_id": "p", "instance_id": instance, "zone": "europe-west1-b"}
    return {
        "metric": {"type": METRIC},
        "resource": {"type": "gce_instance", "labels": labels},
        "points": [{"interval": {"endTime": rfc3339(at)}, "value": {"doubleValue": value}}],
        **changes,
    }


def read(api: Api, condition: str = "", *, since: float = 600) -> list[dict[str, Any]]:
    now = api.clock.now()
    text = f'metric.type = "{METRIC}"{condition}'
    query = f"filter={quote(text)}&interval.startTime={quote(rfc3339(now - since))}&interval.endTime={quote(rfc3339(now))}"
    found: list[dict[str, Any]] = api.get(f"{PATH}?{query}").get("timeSeries", [])
    return found


def test_points_are_written_and_read_newest_first(api: Api) -> None:
    now = api.clock.now()
    api.post(PATH, {"timeSeries": [series(now - 60, 3), series(now - 60, 8, "4002")]})
    api.post(PATH, {"timeSeries": [series(now, 5)]})
    (found,) = read(api, ' AND resource.labels.instance_id = "4001"')
    assert [point["value"]["doubleValue"] for point in found["points"]] == [5, 3]
    assert len(read(api)) == 2
    (found,) = read(api, since=0)
    assert found["resource"]["labels"]["instance_id"] == "4001"
    (kept,) = [
        document for _, document in api.store.scan(metrics.prefix_of(METRIC)) if len(document["points"]) == 2
    ]
    assert kept["points"] == [[now, 5.0], [now - 60, 3.0]]


def test_old_points_are_forgotten(api: Api) -> None:
    now = api.clock.now()
    api.post(PATH, {"timeSeries": [series(now, 1)]})
    api.later(metrics.KEPT)
    api.post(PATH, {"timeSeries": [series(api.clock.now(), 2)]})
    (document,) = [document for _, document in api.store.scan(metrics.PREFIX)]
    assert [point[1] for point in document["points"]] == [2.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": {"type": "compute.googleapis.com/instance/cpu/utilization"}}, "must begin with one of"),
        ({"points": []}, "exactly one point"),
        ({"points": [{"interval": {"endTime": "yesterday"}, "value": {"doubleValue": 1}}]}, "endTime"),
        (
            {"points": [{"interval": {"endTime": "2020-01-01T00:00:00Z"}, "value": {"doubleValue": 1}}]},
            "last 3600 s",
        ),
        ({"metricKind": "CUMULATIVE"}, "the metric's is GAUGE"),
        ({"valueType": "INT64"}, "the point's value is of type DOUBLE"),
    ],
)
def test_what_makes_no_sense_is_refused(api: Api, changes: dict[str, Any], message: str) -> None:
    api.post(PATH, {"timeSeries": [series(api.clock.now() - 1, 1)]})
    body = {"timeSeries": [{**series(api.clock.now(), 1), **changes}]}
    assert message in api.refused("POST", PATH, body)[2]
    assert "in order" in api.refused("POST", PATH, {"timeSeries": [series(api.clock.now() - 1, 1)]})[2]


def test_an_interval_is_of_its_metrics_kind(api: Api) -> None:
    now = api.clock.now()

    def point(start: float) -> list[dict[str, Any]]:
        interval = {"startTime": rfc3339(start), "endTime": rfc3339(now)}
        return [{"interval": interval, "value": {"int64Value": "7"}}]

    for kind, start, message in (
        ("GAUGE", now - 60, "must be the end time"),
        ("CUMULATIVE", now, "must be before the end time"),
    ):
        body = {"timeSeries": [series(now, 7, metricKind=kind, points=point(start))]}
        assert message in api.refused("POST", PATH, body)[2]
    described = {
        "unit": "{job}",
        "description": "Jobs done.",
        "valueType": "INT64",
        "metricKind": "CUMULATIVE",
    }
    api.post(PATH, {"timeSeries": [series(now, 7, points=point(now - 60), **described)]})
    (found,) = read(api)
    assert {name: found[name] for name in described} == described


def test_an_instance_needs_the_permission(api: Api) -> None:
    api.post("/v1/projects/p/serviceAccounts", {"accountId": "web-sa"})
    email = "web-sa@p.iam.gserviceaccount.com"
    scope = "https://www.googleapis.com/auth/cloud-platform"
    token = api.identities.mint(email, scopes=(scope,), instance_key="i").access_token
    body = {"timeSeries": [series(api.clock.now(), 1)]}
    response = api.raw("POST", PATH, token=token, json=body)
    assert (response.status_code, "monitoring.timeSeries.create" in response.text) == (403, True)
    policy = {"bindings": [{"role": "roles/monitoring.metricWriter", "members": [f"serviceAccount:{email}"]}]}
    api.post("/crm/v1/projects/p:setIamPolicy", {"policy": policy})
    assert api.raw("POST", PATH, token=token, json=body).status_code == 200
