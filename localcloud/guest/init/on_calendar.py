"""Calendar events of systemd, as OnCalendar= and ``systemd-run --on-calendar`` take them: ``Mon..Fri *-*-* 02:00:00``, ``hourly``."""

from __future__ import annotations

import time

_NAMED = {"minutely": "*-*-* *:*:00", "hourly": "*-*-* *:00:00", "daily": "*-*-* 00:00:00", "weekly": "Mon *-*-* 00:00:00",
          "monthly": "*-*-01 00:00:00", "quarterly": "*-01,04,07,10-01 00:00:00", "semiannually": "*-01,07-01 00:00:00",
          "yearly": "*-01-01 00:00:00", "annually": "*-01-01 00:00:00"}  # fmt: skip
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HORIZON = 366 * 5  # days that are looked ahead


class CalendarError(Exception):
    """This is no calendar event; the message names it."""


class CalendarEvent:
    """Moments that recur: in UTC where the event says so, else in local time, to the second."""

    def __init__(self, text: str) -> None:
        self.text = text
        words = _NAMED.get(text.strip().lower(), text.strip()).split()
        self._utc = bool(words) and words[-1].upper() == "UTC"
        if self._utc:
            words.pop()
        try:
            self._read(words)
        except ValueError:
            msg = f"Failed to parse calendar specification '{text}'"
            raise CalendarError(msg) from None

    def _read(self, words: list[str]) -> None:
        """Read the words: days of the week, a date, a time; one of them may do."""
        if not words:
            raise ValueError
        self._days = _weekdays(words.pop(0)) if words[0][:1].isalpha() else set(range(7))
        clock = words.pop().split(":") if words and ":" in words[-1] else ["00", "00"]
        date = words.pop().split("-") if words else ["*", "*", "*"]
        if words:
            raise ValueError
        year, month, day = date if len(date) == 3 else ("*", *date)
        hours, minutes, seconds = clock if len(clock) == 3 else (*clock, "00")
        self._years = _numbers(year, 1970, 2199)
        self._months, self._dates = _numbers(month, 1, 12), _numbers(day, 1, 31)
        self._hours, self._minutes = sorted(_numbers(hours, 0, 23)), sorted(_numbers(minutes, 0, 59))
        self._seconds = sorted(_numbers(seconds, 0, 59))

    def after(self, moment: float) -> float | None:
        """Return the first such moment after this one, in seconds since the epoch; None if there is none within five years."""
        take = time.gmtime if self._utc else time.localtime
        first = take(moment)
        noon = self._at(first, (12, 0, 0))
        for offset in range(_HORIZON):
            day = take(noon + offset * 86400)
            if self._is_on(day):
                for hour in self._hours:
                    for minute in self._minutes:
                        for second in self._seconds:
                            if offset == 0 and (hour, minute, second) <= first[3:6]:
                                continue
                            found = self._at(day, (hour, minute, second))
                            if found > moment:
                                return found
        return None

    def _is_on(self, day: time.struct_time) -> bool:
        return (
            day.tm_wday in self._days
            and day.tm_mday in self._dates
            and day.tm_mon in self._months
            and day.tm_year in self._years
        )

    def _at(self, day: time.struct_time, clock: tuple[int, int, int]) -> float:
        fields = (day.tm_year, day.tm_mon, day.tm_mday, *clock, 0, 0, -1)
        if self._utc:
            import calendar

            return float(calendar.timegm(fields))
        return time.mktime(fields)


def _weekdays(text: str) -> set[int]:
    """Read ``Mon..Fri,Sun``."""
    found: set[int] = set()
    for part in text.lower().rstrip(",").split(","):
        first, dots, last = part.partition("..")
        begin = _day(first)
        end = _day(last) if dots else begin
        found |= {(begin + step) % 7 for step in range((end - begin) % 7 + 1)}
    return found


def _day(name: str) -> int:
    if len(name) < 3 or name[:3] not in _DAYS:
        raise ValueError
    return _DAYS.index(name[:3])


def _numbers(text: str, least: int, most: int) -> set[int]:
    """Read ``*``, ``*/15``, ``8..17``, ``0,30``, ``10/5``."""
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        first, dots, last = span.partition("..")
        begin = least if first == "*" else int(first)
        end = int(last) if dots else most if first == "*" or slash else begin
        if not least <= begin <= end <= most or (slash and int(step) < 1):
            raise ValueError
        found |= set(range(begin, end + 1, int(step) if slash else 1))
    return found
