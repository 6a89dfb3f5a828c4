"""Cloud times as Google's APIs write them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from math import floor


def rfc3339(seconds: float) -> str:
    """Render a cloud time as Google's APIs do, with milliseconds: ``2026-11-23T04:15:45.123+00:00``."""
    whole = floor(seconds)
    microseconds = round((seconds - whole) * 1e6)
    if microseconds == 1_000_000:
        whole, microseconds = whole + 1, 0
    return f"{_second(whole)}.{microseconds // 1000:03}+00:00"


@lru_cache(64)
def _second(seconds: int) -> str:
    """Many timestamps are made in one second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
