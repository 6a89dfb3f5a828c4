"""Scaling schedules: cron expressions that require a number of replicas for a while. Pure; the API refuses what cannot be read.

Five fields (minute, hour, day of month, month, day of week) and an optional sixth, the year, as Google's; names of months and days, lists,
ranges, steps. Where both days are restricted either may match, as cron has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_DAYS = {name: number for number, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
_MINUTE = 60


@dataclass(frozen=True)
class Cron:
    """The minutes at which something starts. Days of the week: 0 is Sunday."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    years: frozenset[int]
    either_day: bool

    def matches(self, moment: datetime) -> bool:
        """Say whether this minute is one of them."""
        return moment.minute in self.minutes and moment.hour in self.hours and self.on_day_of(moment)

    def on_day_of(self, moment: datetime) -> bool:
        """Say whether something starts on this day, at whatever time."""
        if moment.month not in self.months or (self.years and moment.year not in self.years):
            return False
        day, weekday = moment.day in self.days, moment.isoweekday() % 7 in self.weekdays
        return day or weekday if self.either_day else day and weekday


@lru_cache(maxsize=256)
def parse(expression: str) -> Cron:
    """Read a cron expression; ValueError names the field that is wrong."""
    fields = expression.lower().split()
    if len(fields) not in {5, 6}:
        msg = f"schedule {expression!r}: {len(fields)} fields; five are needed (minute hour day month weekday), a sixth may be the year"
        raise ValueError(msg)
    weekdays = frozenset(day % 7 for day in _field(expression, fields[4], 0, 7, _DAYS))
    return Cron(
        minutes=_field(expression, fields[0], 0, 59),
        hours=_field(expression, fields[1], 0, 23),
        days=_field(expression, fields[2], 1, 31),
        months=_field(expression, fields[3], 1, 12, _MONTHS),
        weekdays=weekdays,
        years=_field(expression, fields[5], 1970, 2199)
        if len(fields) == 6 and fields[5] != "*"
        else frozenset(),
        either_day=not fields[2].startswith("*") and not fields[4].startswith("*"),
    )


def required(schedules: Mapping[str, Mapping[str, Any]], now: float) -> int:
    """Return the greatest number of replicas that a schedule active now requires; 0 if none is."""
    return max(
        (
            int(schedule["minRequiredReplicas"])
            for schedule in schedules.values()
            if not schedule.get("disabled")
            and _active(
                str(schedule["schedule"]),
                str(schedule.get("timeZone") or "UTC"),
                int(schedule["durationSec"]),
                int(now // _MINUTE),
            )
        ),
        default=0,
    )


def zone(name: str) -> ZoneInfo:
    """Return a time zone of the tz database; ValueError if it has none of this name."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:  # not there, a folder, or no name at all
        msg = f"time zone {name!r}: the tz database has none of this name; use for instance Europe/Madrid"
        raise ValueError(msg) from error


@lru_cache(maxsize=1024)
def _active(expression: str, place_name: str, duration: int, minute: int) -> bool:
    """Say whether a start lies at most `duration` seconds before this minute (counted since the epoch).

    Days and hours without any start are passed over at once, except where the clocks are put forward or back.
    """
    cron, place = parse(expression), zone(place_name)
    at, first = minute, minute + 1 + -duration // _MINUTE
    while at >= first:
        moment = _local(at, place)
        if not cron.on_day_of(moment):
            passed = 60 * moment.hour + moment.minute + 1
        elif moment.hour not in cron.hours:
            passed = moment.minute + 1
        elif cron.matches(moment):
            return True
        else:
            passed = 1
        at -= passed if _local(at - passed, place).utcoffset() == moment.utcoffset() else 1
    return False


def _local(minute: int, place: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(minute * _MINUTE, place)


def _field(
    expression: str, text: str, lowest: int, highest: int, names: Mapping[str, int] | None = None
) -> frozenset[int]:
    try:
        values = frozenset(
            value for part in text.split(",") for value in _part(part, lowest, highest, names or {})
        )
    except ValueError:
        values = frozenset()
    if not values or min(values) < lowest or max(values) > highest:
        msg = f"schedule {expression!r}: {text!r} is not within {lowest} to {highest}; use for instance {lowest}, {lowest}-{highest} or */5"
        raise ValueError(msg)
    return values


def _part(part: str, lowest: int, highest: int, names: Mapping[str, int]) -> range:
    """Return the values of one element of a list; an empty range, or a ValueError, if it is none."""
    span, _, step = part.partition("/")
    if span == "*":
        return range(lowest, highest + 1, int(step or 1))
    start, _, end = span.partition("-")
    first = names[start] if start in names else int(start)
    last = names[end] if end in names else int(end) if end else highest if step else first
    return range(first, last + 1, int(step or 1))
