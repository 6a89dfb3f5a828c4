"""Notices that this process's event loop hangs: it is ended then, with a word on where it hangs, and its keeper starts another.

A thread looks, and counts the looks since the loop's last turn. Looks are counted and not seconds, so a daemon that somebody stopped
(SIGSTOP, a frozen container) has nothing counted against it meanwhile and goes on when it is continued: whoever did that meant it. One that
a debugger holds, or that reads from a terminal, is left alone for the same reason.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

LOOK = 1.0  # real seconds
PATIENCE = 60  # looks: what blocks the loop takes some milliseconds, and some seconds on a machine that is busy beyond measure


class Watchdog:
    """Counts a loop's turns, from a thread of its own."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, look: float = LOOK, patience: int = PATIENCE
    ) -> None:
        """`look`: real seconds between two looks; `patience`: looks without a turn of the loop until this process is ended."""
        self._loop, self._seconds, self._patience = loop, look, patience
        self._turns = self._seen = 0
        self._late = 0

    def begin(self) -> None:
        """Watch from now on, until this process ends."""
        self._turn()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def look(self) -> bool:
        """Look once; return whether the loop has not turned for too long."""
        self._late = 0 if self._turns != self._seen else self._late + 1
        self._seen = self._turns
        return self._late >= self._patience

    def _turn(self) -> None:
        self._turns += 1
        if not self._loop.is_closed():
            self._loop.call_later(self._seconds, self._turn)

    def _watch(self) -> None:
        while True:
            time.sleep(self._seconds)
            if self.look():
                self._late = 0
                if _is_debugged():
                    continue
                seconds = self._seconds * self._patience
                words = f"the event loop has not turned for {seconds:g} s; this daemon ends, for another to follow. It hangs here:\n"
                os.write(2, words.encode())  # not by logging, which may be what everybody waits for
                faulthandler.dump_traceback(2)
                os.kill(os.getpid(), signal.SIGKILL)


def _is_debugged() -> bool:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return "TracerPid:\t0\n" not in status or os.isatty(0)
