"""The cloud's clock goes on across restarts, and never back."""

from __future__ import annotations

import pytest

from localcloud.daemon import clockwork
from localcloud.store import Store

WALL = 1_800_000_000.0
CLOSE = 0.5  # the real clock runs on while a test does


def test_a_new_cloud_begins_at_the_walls_time() -> None:
    clock = clockwork.resume(Store(), None, wall=WALL)
    assert clock.speed == 1
    assert clock.now() == pytest.approx(WALL, abs=CLOSE)


def test_after_a_crash_the_time_away_has_passed_at_the_clouds_speed() -> None:
    store = Store()
    clockwork.resume(store, 10, wall=WALL)
    clock = clockwork.resume(store, None, wall=WALL + 60)
    assert clock.speed == 10
    assert clock.now() == pytest.approx(WALL + 600, abs=10 * CLOSE)


def test_after_a_stop_no_time_has_passed() -> None:
    store = Store()
    clock = clockwork.resume(store, 10, wall=WALL)
    with store.transaction() as change:
        change.put(clockwork.KEY, {"wall": WALL + 100, "cloud": WALL + 1000, "speed": 10.0, "stopped": True})
    clock = clockwork.resume(store, None, wall=WALL + 160)
    assert clock.now() == pytest.approx(WALL + 1000, abs=10 * CLOSE)


def test_the_clock_is_never_behind_the_wall() -> None:
    store = Store()
    clockwork.suspend(store, clockwork.resume(store, 1, wall=WALL), wall=WALL)
    assert clockwork.resume(store, None, wall=WALL + 86_400).now() == pytest.approx(WALL + 86_400, abs=CLOSE)


def test_another_speed_goes_on_from_the_same_time() -> None:
    store = Store()
    clockwork.resume(store, 10, wall=WALL)
    clock = clockwork.resume(store, 2, wall=WALL + 60)
    assert clock.speed == 2
    assert clock.now() == pytest.approx(WALL + 600, abs=10 * CLOSE)
