"""Calendar events are read as systemd reads them."""

from __future__ import annotations

import calendar
import time
from typing import TYPE_CHECKING

import pytest

from localcloud.guest.init.on_calendar import CalendarError, CalendarEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

MONDAY = float(calendar.timegm((2026, 11, 23, 17, 45, 30)))


@pytest.fixture(autouse=True)
def _berlin() -> Iterator[None]:
    """Have a time zone that summer time is known in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "next_time"),
    [
        ("minutely", "2026-11-23 18:46:00"),
        ("hourly", "2026-11-23 19:00:00"),
        ("daily", "2026-11-24 00:00:00"),
        ("weekly", "2026-11-30 00:00:00"),
        ("monthly", "2026-12-01 00:00:00"),
        ("quarterly", "2027-01-01 00:00:00"),
        ("Mon..Fri 10:00", "2026-11-24 10:00:00"),
        ("Sat,Sun *-*-* 09:00", "2026-11-28 09:00:00"),
        ("Fri..Mon 20:00", "2026-11-23 20:00:00"),
        ("*:0/15", "2026-11-23 19:00:00"),
        ("*-*-* *:*:0/20", "2026-11-23 18:45:40"),
        ("*-*-* 02,14:30", "2026-11-24 02:30:00"),
        ("18:45:30", "2026-11-24 18:45:30"),
        ("2026-12-24", "2026-12-24 00:00:00"),
        ("12-24 18:00", "2026-12-24 18:00:00"),
        ("*-*-01 00:00:00 UTC", "2026-12-01 01:00:00"),
        ("*-02-29", "2028-02-29 00:00:00"),
        ("2025-01-01", None),
    ],
)
def test_next_time_is_the_first_after_now(text: str, next_time: str | None) -> None:
    found = CalendarEvent(text).after(MONDAY)
    said = None if found is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found))
    assert said == next_time


def test_days_that_are_longer_or_shorter_have_each_time_once() -> None:
    event, moment, found = CalendarEvent("12:00"), float(calendar.timegm((2026, 10, 23, 0, 0, 0))), []
    for _ in range(4):
        after = event.after(moment)
        assert after is not None
        found.append(time.strftime("%d %H:%M", time.gmtime(after)))
        moment = after
    assert found == ["23 10:00", "24 10:00", "25 11:00", "26 11:00"]


@pytest.mark.parametrize(
    "text", ["", " ", "never", "25:00", "*:61", "*-*-* 1:2:3:4", "Mon Tue", "1-2-3-4", "*:0/0", "9..5:00"]
)
def test_what_is_no_event_is_named(text: str) -> None:
    with pytest.raises(CalendarError, match="Failed to parse calendar specification '"):
        CalendarEvent(text)
