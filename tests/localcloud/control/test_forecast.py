"""Predictive autoscaling: what is forecast from which history, and that instances are there before the load is."""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.control import forecast
from localcloud.control.forecast import SLOT, History
from localcloud.control.load_history import PREFIX
from localcloud.control.machine_types import allotment
from localcloud.control.signals import Load
from tests.localcloud.control.cloud import Cloud, standard
from tests.localcloud.control.documents import AUTOSCALER, autoscaler

DAY = 144
MONDAY = 20_002 * DAY  # a slot at midnight


def days(*loads: float) -> History:
    """Each day the same load all day."""
    return History(MONDAY, tuple(load for load in loads for _ in range(DAY)))


def test_nothing_is_forecast_before_three_days_are_known() -> None:
    known = days(1.0, 1.0, 1.0)
    now = (MONDAY + 3 * DAY) * SLOT
    assert forecast.need(known, now, target=0.5, lead=60) is not None
    assert forecast.need(History(MONDAY, known.values[1:]), now, target=0.5, lead=60) is None
    holes = History(MONDAY - 10, (*([None] * 10), *known.values[1:]))
    assert forecast.need(holes, now, target=0.5, lead=60) is None


def test_the_same_time_of_the_last_three_days_counts_until_a_week_has_passed() -> None:
    assert days(1, 2, 3, 4).expected(MONDAY + 4 * DAY + 7) == 3.0
    week = days(5, 1, 1, 1, 1, 1, 1, 2)
    assert week.expected(MONDAY + 7 * DAY + 7) == 5.0, "the Monday before, not the Sunday"
    assert week.expected(MONDAY + 8 * DAY + 7) == 1.0
    assert days(*[2] * 7, *[4] * 7, *[6] * 7).expected(MONDAY + 21 * DAY) == 4.0


def test_the_greatest_load_until_new_instances_are_of_use_is_what_counts() -> None:
    values = [2.0 if slot % DAY < 54 else 6.0 for slot in range(4 * DAY)]  # it rises at nine
    history, nine = History(MONDAY, tuple(values)), (MONDAY + 4 * DAY + 54) * SLOT
    for before, size in ((301, 4), (300, 12), (0, 12)):
        found = forecast.need(history, nine - before, target=0.5, lead=300)
        assert found is not None
        assert found.size == size, before
        if size == 12:
            assert found.reason == "forecast for 09:00 UTC: ceil(6.00 instances' CPU / 0.5) = 12"


def test_what_instances_do_that_still_initialise_is_taken_from_the_others() -> None:
    old = [Load(instance=str(number), utilisation=0.4, age=600) for number in range(3)]
    young = Load(instance="young", utilisation=1.9, age=10)
    assert forecast.load_of([*old, young], 60) == pytest.approx(1.6)
    assert forecast.load_of([young], 60) is None


@given(st.lists(st.tuples(st.integers(1, 4000), st.floats(0, 100)), max_size=40))
def test_a_history_is_never_longer_than_three_weeks_and_keeps_what_was_noted(
    steps: list[tuple[int, float]],
) -> None:
    history, slot, noted = History(), MONDAY, {}
    for gap, load in steps:
        slot += gap
        history = history.noted(slot, load)
        noted[slot] = round(load, 3)
        assert len(history.values) <= 3 * 7 * DAY
        assert history.at(slot) == noted[slot]
        assert History.parse(history.document()) == history
        assert history.noted(slot, load + 1) == history, "a slot is written once"
        known = {first: value for first in noted if (value := history.at(first)) is not None}
        assert known == {first: noted[first] for first in known}
        assert {first for first in noted if first > slot - 3 * 7 * DAY} <= known.keys()


def load_at(now: float) -> float:
    """Every day: little until nine, then much until ten."""
    return 5.1 if 9 * 3600 <= now % 86_400 < 10 * 3600 else 1.5


async def pass_minutes(cloud: Cloud, minutes: int) -> list[tuple[float, int]]:
    """Have the group's load follow the day; returns how many instances serve at each minute."""
    seen = []
    for _ in range(minutes):
        serving = sorted(cloud.eligible())
        seen.append((cloud.clock.now(), len(serving)))
        for name in serving:
            burnt = allotment("e2-small").vcpus * load_at(cloud.clock.now()) / len(serving)
            cloud.machines.burn(cloud.members()[name].instance_id, burnt)
        await cloud.advance(60)
    return seen


def serving_at_nine(method: str, known: History) -> int:
    """Return how many instances serve when the load comes, after half an hour of the simulated morning."""

    async def story() -> int:
        cloud = standard()
        began = math.ceil(cloud.clock.now() / 86_400) * 86_400 + 8.5 * 3600
        await cloud.clock.advance(began - cloud.clock.now())
        autoscaler(
            cloud,
            3,
            12,
            coolDownPeriodSec=300,
            cpuUtilization={"utilizationTarget": 0.6, "predictiveMethod": method},
        )
        first = forecast.slot_of(began) - len(known.values)
        with cloud.store.transaction() as change:
            change.put(PREFIX + AUTOSCALER, {"first": first, "load": list(known.values)})
        async with cloud.running():
            seen = await pass_minutes(cloud, 31)
            if method != "NONE" and known.enough:
                reasons = [event.message for event in cloud.events("autoscaler.resize")]
                assert reasons == ["3 -> 9: forecast for 09:00 UTC: ceil(5.10 instances' CPU / 0.6) = 9"]
                assert cloud.get(AUTOSCALER)["recommendedSize"] == 9
        return dict(seen)[began + 1800]

    return asyncio.run(story())


def three_days() -> History:
    """The load of three days that end at half past eight."""
    return History(0, tuple(load_at(slot * SLOT + 8.5 * 3600) for slot in range(3 * DAY)))


def test_instances_serve_before_the_load_comes_if_it_came_on_three_days() -> None:
    known = three_days()
    assert serving_at_nine("OPTIMIZE_AVAILABILITY", known) == 9
    assert serving_at_nine("NONE", known) == 3
    assert serving_at_nine("OPTIMIZE_AVAILABILITY", History(0, known.values[DAY:])) == 3


def test_the_history_goes_with_its_autoscaler() -> None:
    async def story() -> None:
        cloud = standard()
        autoscaler(cloud, 3, 12)
        async with cloud.running():
            await pass_minutes(cloud, 30)
            (key,) = cloud.store.keys(PREFIX)
            assert len(History.parse(cloud.store.get(key)).values) >= 2
            with cloud.store.transaction() as change:
                change.delete("compute/" + AUTOSCALER)
            await cloud.advance(60)
            assert not cloud.store.keys(PREFIX)

    asyncio.run(story())


@pytest.mark.campaign
def test_after_three_simulated_days_the_group_is_ready_for_the_fourth() -> None:
    async def story() -> None:
        cloud = standard()
        method = {"utilizationTarget": 0.6, "predictiveMethod": "OPTIMIZE_AVAILABILITY"}
        autoscaler(cloud, 3, 12, coolDownPeriodSec=300, cpuUtilization=method)
        async with cloud.running():
            seen = await pass_minutes(cloud, 5 * 24 * 60)
        nine = [count for now, count in seen if now % 86_400 == 9 * 3600]
        noon = [count for now, count in seen if now % 86_400 == 12 * 3600]
        assert nine[0] == 3, "nothing is known yet"
        assert nine[-1] >= 9
        assert set(noon) == {3}, "and it shrinks again every day"

    asyncio.run(story())
