"""Scaling schedules: which minutes a cron expression means, and how long a schedule holds."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import localcloud.plans
from localcloud.plans.schedule import parse, required
from tests.localcloud.control.work_done import counting


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


WEEKDAYS = {
    "morning": {
        "schedule": "0 8 * * MON-FRI",
        "timeZone": "Europe/Madrid",
        "durationSec": 36_000,
        "minRequiredReplicas": 5,
    }
}


@pytest.mark.parametrize(
    ("moment", "replicas"),
    [
        ("2026-11-23T07:59:59", 0),  # a Monday
        ("2026-11-23T08:00:00", 5),
        ("2026-11-23T17:59:00", 5),
        ("2026-11-23T18:00:00", 0),
        ("2026-11-22T12:00:00", 0),
    ],
)
def test_a_schedule_holds_from_its_start_for_its_duration_in_its_own_zone(moment: str, replicas: int) -> None:
    assert required(WEEKDAYS, at(moment, "Europe/Madrid")) == replicas


def test_the_greatest_of_overlapping_schedules_counts_and_disabled_ones_do_not() -> None:
    schedules = {
        "a": {"schedule": "0 * * * *", "durationSec": 600, "minRequiredReplicas": 3},
        "b": {"schedule": "5 * * * *", "durationSec": 600, "minRequiredReplicas": 7},
        "c": {"schedule": "* * * * *", "durationSec": 600, "minRequiredReplicas": 50, "disabled": True},
    }
    assert [required(schedules, at(f"2026-01-01T10:{minute:02}:00")) for minute in (0, 5, 12, 15)] == [
        3,
        7,
        7,
        0,
    ]


@pytest.mark.parametrize(
    ("expression", "moment", "matches"),
    [
        ("*/15 * * * *", "2026-01-01T10:45:00", True),
        ("*/15 * * * *", "2026-01-01T10:50:00", False),
        ("0 0 1 jan *", "2026-01-01T00:00:00", True),
        ("0 0 13 * fri", "2026-02-06T00:00:00", True),  # either day
        ("0 0 13 * *", "2026-02-06T00:00:00", False),
        ("0 0 * * 7", "2026-02-08T00:00:00", True),  # Sunday
        ("0 0 * * * 2027", "2026-02-08T00:00:00", False),
        ("10/20 * * * *", "2026-02-08T00:30:00", True),
    ],
)
def test_expressions(expression: str, moment: str, matches: bool) -> None:
    assert parse(expression).matches(datetime.fromisoformat(moment)) is matches


@pytest.mark.parametrize("expression", ["* * * *", "60 * * * *", "* * * * mon-foo", "5-3 * * * *"])
def test_a_wrong_expression_is_refused_by_name(expression: str) -> None:
    with pytest.raises(ValueError, match="schedule"):
        parse(expression)


# Clocks are put forward and back by an hour, or by half of one, at hours of their own.
CHANGING = {
    "Europe/Madrid": ("2026-03-29T01:00", "2026-10-25T01:00"),
    "America/St_Johns": ("2026-03-08T05:30", "2026-11-01T04:30"),
    "Australia/Lord_Howe": ("2026-04-04T15:00", "2026-10-03T15:30"),
    "UTC": ("2026-02-28T23:00", "2026-12-31T23:00"),
}


@given(st.data())
def test_a_start_within_the_duration_is_found_whatever_clocks_do(data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(sorted(CHANGING)))
    change = datetime.fromisoformat(data.draw(st.sampled_from(CHANGING[place])) + "+00:00")
    now = change + timedelta(minutes=data.draw(st.integers(-600, 3000)))
    minute, hour = (
        data.draw(st.sampled_from(["*", "0", "29", "30", "59", "*/20"])),
        data.draw(st.integers(0, 23)),
    )
    days = data.draw(st.sampled_from(["* * *", "* * SUN", "1 * *", "29 * FRI", "* oct *"]))
    duration = data.draw(st.sampled_from([300, 3600, 5000, 86_400, 200_000]))
    expression = f"{minute} {hour} {days}"
    cron, zone = parse(expression), ZoneInfo(place)
    starts = (now - timedelta(minutes=back) for back in range(-(-duration // 60)))
    expected = any(cron.matches(each.astimezone(zone)) for each in starts)
    schedule = {"schedule": expression, "timeZone": place, "durationSec": duration, "minRequiredReplicas": 1}
    assert required({"it": schedule}, now.timestamp()) == expected


@pytest.mark.parametrize(
    ("expression", "zone", "duration", "moment"),
    [
        ("45 1 * * *", "Australia/Lord_Howe", 3600, "2026-10-03T15:45+00:00"),  # 02:00 was 02:30
        ("30 23 28 * *", "Europe/Madrid", 86_400, "2026-03-29T10:00+00:00"),  # the night had an hour less
    ],
)
def test_a_start_shortly_before_clocks_were_put_forward_is_found(
    expression: str, zone: str, duration: int, moment: str
) -> None:
    schedule = {"schedule": expression, "timeZone": zone, "durationSec": duration, "minRequiredReplicas": 1}
    assert required({"it": schedule}, datetime.fromisoformat(moment).timestamp()) == 1


def test_a_long_schedule_that_is_not_active_is_seen_to_be_without_going_through_its_minutes() -> None:
    def work(duration: int) -> int:
        schedule = {"schedule": "30 7 1 jan *", "durationSec": duration, "minRequiredReplicas": 1}
        with counting(localcloud.plans) as done:
            assert required({"it": schedule}, at("2026-06-10T12:34:56")) == 0
        return done.instructions

    assert work(7 * 86_400) < 10 * work(3600)
