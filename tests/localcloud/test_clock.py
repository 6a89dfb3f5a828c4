"""Timestamps as Google's APIs have them."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from localcloud.clock import rfc3339


@example(0.0)
@example(1_800_000_000.9999999)  # rounds up into the next second
@example(1_800_000_000.9994999)
@given(st.floats(0, 4e9))
def test_a_timestamp_is_the_time_to_the_millisecond(seconds: float) -> None:
    assert rfc3339(seconds) == datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
