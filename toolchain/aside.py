"""Work done aside: one job after the other beside what runs in the foreground, which comes first where processors are scarce.

What a job says is shown in one piece when it is over: two that wrote at once could not be read.
"""

from __future__ import annotations

import os
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toolchain.progress import Progress

NICENESS = 5  # behind, and still a quarter of a processor that somebody else wants for good


class Aside:
    """The jobs of one `working` block."""

    def __init__(self, pool: ThreadPoolExecutor, progress: Progress) -> None:
        self._pool, self._progress = pool, progress

    def begin(self, name: str, job: Callable[[TextIO], int]) -> Future[int]:
        """Have a job done after those begun before it. It writes to the file that it is given; the future has its exit status."""
        return self._pool.submit(self._do, name, job)

    def _do(self, name: str, job: Callable[[TextIO], int]) -> int:
        with tempfile.TemporaryFile("a+", encoding="utf-8", errors="replace") as output:
            try:
                return job(output)
            finally:
                output.seek(0)
                self._progress.say(f"\n== {name}\n{output.read().rstrip()}\n")


@contextmanager
def working(progress: Progress) -> Iterator[Aside]:
    """Have jobs done aside for as long as the block lasts; what has begun by its end is waited for, what has not is not begun."""
    with ThreadPoolExecutor(max_workers=1, initializer=_give_way) as pool:
        try:
            yield Aside(pool, progress)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _give_way() -> None:
    # On Linux a priority is a thread's; what it starts, threads and processes, begins with the same.
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS)
