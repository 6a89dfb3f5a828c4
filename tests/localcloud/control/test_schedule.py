"""Scaling schedules: which minutes a cron expression means, and how long a schedule holds."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from localcloud.plans.schedule import parse, required


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
