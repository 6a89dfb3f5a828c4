"""Custom metrics size a group: of each instance, of the group as a whole, as a rate; and what is told where there are none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from localcloud.control.metric_signals import needs
from localcloud.control.signals import Load
from localcloud.plans import metrics
from localcloud.store import Store
from tests.localcloud.control.cloud import Cloud, standard
from tests.localcloud.control.documents import AUTOSCALER, GROUP, autoscaler

QUEUE = "custom.googleapis.com/queue"
NOW = 10_000.0
GLOBAL = {"type": "global", "labels": {}}


def write(
    store: Store,
    points: list[tuple[float, float]],
    resource: dict[str, Any] | None = None,
    **fields: Any,  # noqa: ANN401 - fields of a JSON document
) -> None:
    """Keep a time series as the API does; points newest first."""
    metric = {"type": QUEUE, "labels": fields.pop("labels", {})}
    document = {"metric": metric, "resource": resource or GLOBAL, "metricKind": "GAUGE", **fields}
    with store.transaction() as change:
        change.put(metrics.key_of(metric, document["resource"]), {**document, "points": points})


def instance(numeric_id: str) -> dict[str, Any]:
    return {"type": "gce_instance", "labels": {"instance_id": numeric_id, "zone": "europe-west1-b"}}


def asked(store: Store, current: int = 3, **entry: Any) -> tuple[int | None, str]:  # noqa: ANN401 - fields of a JSON document
    """Return the size and the status detail that one metric gives a group of three instances, ids 1 to 3."""
    loads = [
        Load(instance=f"web-{number}", utilisation=None, age=1000.0, id=str(number)) for number in (1, 2, 3)
    ]
    policy = {"customMetricUtilizations": [{"metric": QUEUE, **entry}]}
    (need,) = needs(store, policy, loads, current, initialisation=60.0, now=NOW)
    return need.size, need.detail


def test_a_metric_of_each_instance_is_brought_to_its_target_as_cpu_is() -> None:
    store = Store()
    for number, value in (("1", 30.0), ("2", 30.0), ("3", 40.0)):
        write(store, [(NOW - 10, value)], instance(number))
    write(store, [(NOW - 10, 500.0)], instance("99"))  # of another group
    assert asked(store, utilizationTarget=20) == (5, "")
    assert asked(store, utilizationTarget=100) == (1, "")


def test_a_young_instances_metric_gives_no_reason_to_grow() -> None:
    store = Store()
    for number in ("1", "2"):
        write(store, [(NOW - 10, 90.0)], instance(number))
    loads = [Load(instance=f"web-{number}", utilisation=None, age=10.0, id=str(number)) for number in (1, 2)]
    policy = {"customMetricUtilizations": [{"metric": QUEUE, "utilizationTarget": 10}]}
    (need,) = needs(store, policy, loads, 2, initialisation=60.0, now=NOW)
    assert need.size == 2


def test_a_metric_of_the_group_is_shared_out_or_brought_to_its_target() -> None:
    store = Store()
    write(store, [(NOW - 10, 95.0), (NOW - 70, 5.0)])
    of_group = 'resource.type = "global"'
    assert asked(store, filter=of_group, singleInstanceAssignment=10) == (10, "")
    assert asked(store, filter=of_group, utilizationTarget=50) == (6, "")
    write(store, [(NOW - 5, 5.0)], labels={"queue": "b"})
    assert asked(store, filter=of_group, singleInstanceAssignment=10) == (10, "")  # both, summed
    chosen = of_group + ' AND metric.labels.queue = "b"'
    assert asked(store, filter=chosen, singleInstanceAssignment=10) == (1, "")


@pytest.mark.parametrize(
    ("kind", "size"), [("DELTA_PER_SECOND", 2), ("DELTA_PER_MINUTE", 120), ("GAUGE", 320)]
)
def test_a_target_may_be_a_rate(kind: str, size: int) -> None:
    store = Store()
    write(store, [(NOW - 10, 320.0), (NOW - 70, 200.0)], metricKind="CUMULATIVE")
    of_group = "resource.type = global"
    assert asked(store, current=1, filter=of_group, utilizationTarget=1, utilizationTargetType=kind) == (
        size,
        "",
    )


@pytest.mark.parametrize(
    ("entry", "detail"),
    [
        ({"utilizationTarget": 1}, "CUSTOM_METRIC_INVALID"),  # there is none of instances
        ({"filter": "resource.type = global", "utilizationTarget": 1}, "MISSING_CUSTOM_METRIC_DATA_POINTS"),
        ({"filter": "resource.type = global OR x", "utilizationTarget": 1}, "CUSTOM_METRIC_INVALID"),
        ({"filter": 'metric.type = "custom.googleapis.com/other"'}, "CUSTOM_METRIC_INVALID"),
    ],
)
def test_without_data_it_says_so_and_asks_for_nothing(entry: dict[str, Any], detail: str) -> None:
    store = Store()
    write(store, [(NOW - 301, 95.0)])
    assert asked(store, **entry) == (None, detail)


def details(cloud: Cloud) -> list[str]:
    return [detail["type"] for detail in cloud.get(AUTOSCALER).get("statusDetails", [])]


def test_a_queue_sizes_a_group_and_nothing_is_taken_away_while_nobody_writes() -> None:
    async def story() -> None:
        cloud = standard(size=2)
        metric = {
            "metric": QUEUE,
            "filter": "resource.type = global",
            "singleInstanceAssignment": 10,
        }
        autoscaler(cloud, 1, 8, cpuUtilization=None, customMetricUtilizations=[metric])
        async with cloud.running():
            await cloud.advance(30)
            assert cloud.group()["targetSize"] == 2
            assert details(cloud) == ["MISSING_CUSTOM_METRIC_DATA_POINTS"]
            write(cloud.store, [(cloud.clock.now(), 55.0)])
            await cloud.advance(30)
            assert cloud.group()["targetSize"] == 6
            assert details(cloud) == []
            (event,) = cloud.events("autoscaler.resize")
            assert event.data["reason"] == f"{QUEUE} is 55: ceil(55 / 10) = 6"
            write(cloud.store, [(cloud.clock.now(), 500.0)])
            await cloud.advance(30)
            assert cloud.group()["targetSize"] == 8
            assert details(cloud) == ["CAPPED_AT_MAX_NUM_REPLICAS"]
            await cloud.advance(2000)
            assert cloud.group()["targetSize"] == 8
            assert details(cloud) == ["MISSING_CUSTOM_METRIC_DATA_POINTS"]
            for _ in range(
                80
            ):  # an empty queue, told every ten seconds, for longer than the stabilisation period
                write(cloud.store, [(cloud.clock.now(), 0.0)])
                await cloud.advance(10)
            assert cloud.group()["targetSize"] == 1

    asyncio.run(story())


def test_a_passthrough_balancer_is_no_signal() -> None:
    async def story() -> None:
        cloud = standard(size=2)
        autoscaler(cloud, 1, 8, cpuUtilization=None, loadBalancingUtilization={"utilizationTarget": 0.8})
        async with cloud.running():
            await cloud.advance(1000)
            assert cloud.group()["targetSize"] == 2
            assert details(cloud) == ["MISSING_LOAD_BALANCING_DATA_POINTS"]

    asyncio.run(story())


def test_schedules_beyond_the_limits_are_told() -> None:
    async def story() -> None:
        cloud = standard(size=2)
        schedule = {"schedule": "0 3 * * *", "durationSec": 600}
        autoscaler(
            cloud,
            2,
            4,
            scalingSchedules={
                "low": {**schedule, "minRequiredReplicas": 1},
                "high": {**schedule, "minRequiredReplicas": 9},
            },
        )
        async with cloud.running():
            await cloud.advance(30)
            assert details(cloud) == [
                "SCHEDULED_INSTANCES_GREATER_THAN_AUTOSCALER_MAX",
                "SCHEDULED_INSTANCES_LESS_THAN_AUTOSCALER_MIN",
            ]
            assert cloud.get(AUTOSCALER)["statusDetails"][0]["message"].startswith(
                "For some scaling schedules"
            )
            assert cloud.get(AUTOSCALER)["target"].endswith(GROUP)

    asyncio.run(story())
