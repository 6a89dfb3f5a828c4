"""A daemon whose event loop hangs is ended and says where it hung; one that lives is not."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys

from localcloud.daemon.watchdog import Watchdog

HANGING = """
import asyncio, threading
from localcloud.daemon.watchdog import Watchdog

def where_it_hangs():
    threading.Event().wait()

async def main():
    Watchdog(asyncio.get_running_loop(), look=0.01, patience=3).begin()
    where_it_hangs()

asyncio.run(main())
"""


def test_a_loop_that_hangs_is_ended_and_where_it_hung_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGING], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert "the event loop has not turned for 0.03 s" in done.stderr
    assert "in where_it_hangs" in done.stderr


def test_looks_without_a_turn_in_between_are_counted_and_one_turn_forgives_them() -> None:
    async def story() -> None:
        watchdog = Watchdog(asyncio.get_running_loop(), look=0.0, patience=5)
        watchdog._turn()
        for _ in range(10):
            assert not any(watchdog.look() for _ in range(5))
            await asyncio.sleep(0.001)  # the loop turns
        assert not any(watchdog.look() for _ in range(5))
        assert watchdog.look()

    asyncio.run(story())
