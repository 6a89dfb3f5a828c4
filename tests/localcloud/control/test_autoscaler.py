"""The autoscaler: Google's formula, its memory and limits, and the whole of it in virtual time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.control.autoscaler import Load, Policy, Recommendation, parse, recommend
from localcloud.control.signals import Need
from localcloud.plans import quotas
from tests.localcloud.control.cloud import Cloud, standard
from tests.localcloud.control.documents import AUTOSCALER, GROUP, autoscaler

if TYPE_CHECKING:
    from collections.abc import Sequence


def policy(**fields: Any) -> Policy:  # noqa: ANN401 - fields of the dataclass
    return Policy(**{"minimum": 1, "maximum": 20, "cpu_target": 0.6, **fields})


def loads(*utilisations: float | None, age: float = 1000.0) -> list[Load]:
    return [
        Load(instance=f"web-{number}", utilisation=value, age=age)
        for number, value in enumerate(utilisations)
    ]


def decide(
    how: Policy, seen: Sequence[Load], history: Sequence[tuple[float, int]] = (), current: int | None = None
) -> Recommendation:
    return recommend(how, seen, len(seen) if current is None else current, history, now=10_000.0)


def test_growth_is_googles_formula_and_says_its_arithmetic() -> None:
    found = decide(policy(), loads(1.33, 1.33, 1.33))
    assert found.size == found.recommended == 7
    assert found.reason == "3 instances at 133% of target 60%: ceil(3 x 1.33 / 0.6) = 7"


@pytest.mark.parametrize(
    ("utilisations", "size"),
    [((0.6, 0.6, 0.6), 3), ((0.61, 0.6, 0.6), 4), ((0.9, 0.3), 2), ((2.0,), 4), ((0.601,), 2)],
)
def test_size_is_the_load_over_the_target_rounded_up(utilisations: tuple[float, ...], size: int) -> None:
    assert decide(policy(), loads(*utilisations)).recommended == size


@given(st.lists(st.floats(0, 3), min_size=1, max_size=30), st.floats(0.05, 1.0))
def test_at_the_new_size_the_load_is_within_the_target_and_one_less_would_not_do(
    values: list[float], target: float
) -> None:
    found = decide(policy(maximum=100_000, minimum=0, cpu_target=target), loads(*values))
    total = sum(values)
    assert found.recommended * target >= total - 1e-5
    assert (found.recommended - 1) * target < total


def test_young_instances_give_no_reason_to_grow_but_hold_the_size() -> None:
    young = loads(3.0, 3.0, age=10.0)
    grown = loads(0.3, 0.3)
    assert decide(policy(), [*grown, *young]).recommended == 4
    assert decide(policy(), [*grown, *loads(3.0, 3.0)]).recommended == 11


def test_instances_without_a_measurement_are_taken_to_be_at_the_target() -> None:
    found = decide(policy(stabilisation=0, initialisation=0), loads(0.0, None, None))
    assert found.recommended == 2
    assert "2 not measured" in found.reason
    assert decide(policy(), loads(None, None)).recommended == 2


def test_shrinking_goes_to_the_peak_of_the_stabilisation_period() -> None:
    history = [(9000.0, 9), (9390.0, 6), (9500.0, 4)]  # 9 ended 10 s before the last 600 s began
    found = decide(policy(), loads(*[0.1] * 10), history)
    assert found.recommended == 2
    assert found.size == 6
    assert "peak of the last 600 s is 6" in found.reason
    longer = decide(policy(initialisation=700.0), loads(*[0.1] * 10), history)
    assert longer.size == 9


def test_a_new_autoscaler_does_not_shrink_at_once_but_keeps_to_its_limits_at_once() -> None:
    assert decide(policy(), loads(*[0.0] * 8)).size == 8
    capped = decide(policy(maximum=5), loads(*[0.0] * 8))
    assert capped.size == 5
    assert decide(policy(minimum=3), [], current=0).size == 3


def test_limits_and_modes() -> None:
    capped = decide(policy(maximum=4), loads(2.0, 2.0))
    assert (capped.size, capped.details) == (4, ("CAPPED_AT_MAX_NUM_REPLICAS",))
    off = decide(policy(mode="OFF"), loads(2.0, 2.0))
    assert (off.size, off.recommended, off.details) == (2, 7, ("MODE_OFF",))
    only_out = decide(policy(mode="ONLY_SCALE_OUT"), loads(0.0, 0.0), [(0.0, 1)])
    assert (only_out.size, only_out.recommended) == (2, 1)
    assert decide(policy(mode="ONLY_UP"), loads(2.0, 2.0)).size == 7
    assert "MIN_EQUALS_MAX" in decide(policy(minimum=2, maximum=2), loads(0.1, 0.1)).details


def test_scale_in_control_limits_how_much_is_taken_off_the_peak() -> None:
    limited = policy(scale_in_fixed=2, scale_in_window=900.0)
    found = decide(limited, loads(*[0.0] * 10), [(9000.0, 10), (9200.0, 1)])
    assert found.size == 8
    assert "scale-in control keeps 8 (10 - 2)" in found.reason
    percent = policy(scale_in_percent=50, scale_in_window=900.0)
    assert (
        decide(percent, loads(*[0.0] * 9), [(9000.0, 9), (9200.0, 1)]).size == 5
    )  # 4.5 is rounded down to 4


def test_what_is_recommended_is_the_peak_less_what_may_go_whatever_the_mode_makes_of_it() -> None:
    peak = [(9000.0, 9), (9500.0, 3)]
    found = {
        mode: decide(policy(mode=mode), loads(0.3, 0.3), peak) for mode in ("ON", "OFF", "ONLY_SCALE_OUT")
    }
    assert {each.stabilised for each in found.values()} == {9}
    assert [each.size for each in found.values()] == [9, 2, 9]  # of two somebody left
    limited = policy(mode="OFF", scale_in_fixed=2, stabilisation=60.0, scale_in_window=900.0)
    assert decide(limited, loads(0.3, 0.3), peak).stabilised == 7
    assert decide(policy(maximum=5), loads(0.3, 0.3), peak).size == 5


def test_what_is_recommended_while_a_signal_is_missing_is_not_remembered() -> None:
    missing = Need(size=None, reason="nobody wrote it", detail="MISSING_CUSTOM_METRIC_DATA_POINTS")
    past = [(9000.0, 3)]
    found = recommend(policy(), loads(1.2, 1.2, 1.2), 3, past, now=10_000.0, needs=[missing])
    assert (found.size, found.history) == (6, tuple(past))
    seen = recommend(policy(), loads(1.2, 1.2, 1.2), 3, past, now=10_000.0)
    assert (seen.size, seen.history) == (6, (*past, (10_000.0, 6)))


def test_defaults_are_googles() -> None:
    assert parse({"maxNumReplicas": 6}) == Policy(minimum=2, maximum=6, cpu_target=0.6)
    assert parse({"maxNumReplicas": 6, "minNumReplicas": 0}).minimum == 0
    assert parse({"maxNumReplicas": 1, "coolDownPeriodSec": 0}).initialisation == 0.0
    assert parse({"maxNumReplicas": 1, "cpuUtilization": {"utilizationTarget": 0.7}}).cpu_target == 0.7
    control = {"maxScaledInReplicas": {"percent": 10}, "timeWindowSec": 300}
    assert parse({"maxNumReplicas": 1, "scaleInControl": control}).scale_in_percent == 10


async def burn_all(cloud: Cloud, total: float) -> None:
    """Spread this load, in vCPUs, over whatever runs."""
    running = [machine for machine, guest in cloud.machines.guests.items() if guest.state == "running"]
    for machine in running:
        cloud.machines.burn(machine, total / len(running))


def test_a_loaded_group_grows_to_the_formulas_size_and_shrinks_after_stabilisation() -> None:
    async def story() -> None:
        cloud = standard(size=0)
        autoscaler(cloud, minimum=2, maximum=10)
        async with cloud.running():
            await cloud.advance(1)
            assert cloud.group()["targetSize"] == 2
            await cloud.until_stable()
            await cloud.advance(300)
            assert cloud.group()["targetSize"] == 2
            # e2-small is allotted half a vCPU: 2 vCPUs of load are 4 at 100 %, so ceil(4 / 0.6) = 7.
            for _ in range(60):
                await burn_all(cloud, 2.0)
                await cloud.advance(10)
            assert cloud.group()["targetSize"] == 7
            resizes = cloud.events("autoscaler.resize")
            assert resizes[0].data["from"] == 0
            assert resizes[-1].data["to"] == 7
            assert [event.data["to"] for event in resizes] == sorted(event.data["to"] for event in resizes)
            document = cloud.get(AUTOSCALER)
            assert document["recommendedSize"] == 7
            assert document["status"] == "ACTIVE"
            await burn_all(cloud, 0.0)
            ended, mark = cloud.clock.now(), cloud.last_seq()
            await cloud.advance(300)
            assert cloud.get(AUTOSCALER)["recommendedSize"] == 7, "what the peak of ten minutes needs"
            await cloud.advance(700)
            assert cloud.group()["targetSize"] == cloud.get(AUTOSCALER)["recommendedSize"] == 2
            shrunk = [
                event
                for event in cloud.events("autoscaler.resize", mark)
                if event.data["to"] < event.data["from"]
            ]
            assert shrunk
            assert shrunk[0].at - ended >= 600
            assert shrunk[-1].at - ended <= 600 + 60 + 10 + 1
            assert len(cloud.instances()) == 2

    asyncio.run(story())


def test_an_autoscaler_without_its_group_says_so_and_switched_off_leaves_it_alone() -> None:
    async def story() -> None:
        cloud = standard()
        autoscaler(cloud, mode="OFF", minNumReplicas=5)
        async with cloud.running():
            await cloud.until_stable()
            assert cloud.group()["targetSize"] == 3
            document = cloud.get(AUTOSCALER)
            assert document["recommendedSize"] == 5
            assert [detail["type"] for detail in document["statusDetails"]] == ["MODE_OFF"]
            with cloud.store.transaction() as change:
                change.put("control/deleting/" + GROUP, {})
            await cloud.advance(200)
            document = cloud.get(AUTOSCALER)
            assert document["status"] == "ERROR"
            assert document["statusDetails"][0]["type"] == "SCALING_TARGET_DOES_NOT_EXIST"

    asyncio.run(story())


def test_a_schedule_holds_a_size() -> None:
    async def story() -> None:
        cloud = standard(size=2)
        # The virtual clock starts at 08:00 UTC.
        schedule = {"schedule": "30 8 * * *", "durationSec": 1800, "minRequiredReplicas": 5}
        autoscaler(cloud, stabilizationPeriodSec=60, scalingSchedules={"rush": schedule})
        async with cloud.running():
            sizes = []
            for _ in range(10):
                await cloud.advance(600)
                sizes.append(cloud.group()["targetSize"])
            assert sizes == [2, 2, 5, 5, 5, 5, 2, 2, 2, 2]

    asyncio.run(story())


def test_memory_of_recommendations_survives_a_restart() -> None:
    async def story() -> None:
        cloud = standard(size=6)
        autoscaler(cloud, minimum=1, maximum=10)
        async with cloud.running():
            await cloud.until_stable()
            await cloud.advance(300)
        async with cloud.running():
            await cloud.advance(200)
            assert cloud.group()["targetSize"] == 6
            await cloud.advance(300)
            assert cloud.group()["targetSize"] == 1

    asyncio.run(story())


def test_what_an_autoscaler_remembers_goes_with_it_if_nobody_looked_too() -> None:
    async def story() -> None:
        cloud = standard(size=6)
        autoscaler(cloud, minimum=1, maximum=10)
        async with cloud.running():
            await cloud.until_stable()
            await cloud.advance(1300)
        kept = [f"control/{area}/{AUTOSCALER}" for area in ("autoscalers", "load-history")]
        assert all(cloud.store.get(key) for key in kept)
        with cloud.store.transaction() as change:
            change.delete("compute/" + AUTOSCALER)
        async with cloud.running():
            await cloud.advance(1)
            assert not any(cloud.store.get(key) for key in kept)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        ({quotas.KEY: {"region": {"INSTANCES": 3}}}, ["NOT_ENOUGH_QUOTA_AVAILABLE"]),
        (
            {
                "control/faults/b": {
                    "name": "b",
                    "kind": "zone-outage",
                    "zone": "europe-west1-b",
                    "until": None,
                }
            },
            ["ZONE_RESOURCE_STOCKOUT"],
        ),
    ],
)
def test_what_keeps_instances_from_being_made_is_told(
    trouble: dict[str, dict[str, Any]], expected: list[str]
) -> None:
    async def story() -> None:
        cloud = standard(size=3)
        autoscaler(cloud, minimum=3, maximum=6)
        async with cloud.running():
            await cloud.until_stable()
            with cloud.store.transaction() as change:
                for key, record in trouble.items():
                    change.put(key, record)
            cloud.patch(
                AUTOSCALER,
                autoscalingPolicy={**cloud.get(AUTOSCALER)["autoscalingPolicy"], "minNumReplicas": 5},
            )
            await cloud.advance(60)
            assert cloud.group()["targetSize"] == 5
            assert [detail["type"] for detail in cloud.get(AUTOSCALER)["statusDetails"]] == expected
            with cloud.store.transaction() as change:
                for key in trouble:
                    change.delete(key)
            await cloud.until_stable(within=1200)
            await cloud.advance(30)
            assert "statusDetails" not in cloud.get(AUTOSCALER)
            assert len(cloud.instances()) == 5

    asyncio.run(story())
