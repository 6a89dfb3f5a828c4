"""The keeper: `python -m localcloud.daemon.keeper PID STARTED LISTENER` starts another daemon when this one dies untold.

It is started by a daemon that is ready and has none, and outlives it. It holds nothing but the API's listening socket: who connects while
there is no daemon waits for the next one, and is not refused. A daemon that was told to stop and died of something else meanwhile is
finished for: what is left is taken down. A keeper that dies is missed by its daemon, which starts another (`kept`); only whoever ends both
at once has to start the cloud by hand.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING

from localcloud.daemon import launch
from localcloud.daemon.process_record import ProcessRecord
from localcloud.home import Home

if TYPE_CHECKING:
    import subprocess

_log = logging.getLogger(__name__)
# A daemon that ends by itself, or before it was ready, is tried again later and later, and then not any more: pauses in seconds.
_PAUSES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_STEADY = 60.0  # seconds: whoever served so long has not ended of its start


class Keeper:
    """Watches one daemon after the other."""

    def __init__(self, home: Home, daemon: ProcessRecord, listener: int) -> None:
        """`listener`: the descriptor of the API's listening socket."""
        self._home, self._daemon, self._listener = home, daemon, listener
        self._child: subprocess.Popen[bytes] | None = None  # the daemon, if this keeper started it
        self._failures = 0  # daemons in a row that were not ready, or soon gave up
        self._began = time.monotonic()
        self._told = False
        self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def listen(self) -> None:
        """Hear from now on that the cloud is to be stopped."""
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def run(self) -> int:
        """Keep the daemon until it stops, or this process is told to stop it, or it cannot be started."""
        while True:
            status = self._await_end()
            if self._told or launch.stopping_file(self._home).exists():
                self._finish()
                return 0
            if status == 0:
                return 0
            ready = ProcessRecord.read(launch.record_file(self._home)) == self._daemon
            killed = status is None or status < 0  # and not an error of its own
            steady = time.monotonic() - self._began >= _STEADY
            self._failures = 0 if ready and (killed or steady) else self._failures + 1
            if self._failures >= len(_PAUSES):
                _log.error(
                    "the daemon ended %d times in a row by itself or before it was ready; started no more",
                    self._failures,
                )
                return 1
            _log.warning("the daemon (process %d) is gone; starting another", self._daemon.pid)
            self._pause(_PAUSES[self._failures])
            if not self._told:
                self._start()

    def _stop(self, *_: object) -> None:
        self._told = True
        # before it is ready it may not hear of it, and after that it is the cloud's orderly end
        launch.stopping_file(self._home).touch()
        self._daemon.send(signal.SIGTERM)

    def _await_end(self) -> int | None:
        """Wait for the daemon's end; returns its status (negative: the signal that killed it), None if it is another's child."""
        if self._child is not None:
            return self._child.wait()
        with self._daemon.handle() as handle:
            while handle is not None and not select.select([handle, self._woken], [], [])[0].count(handle):
                self._drain()
        return None

    def _pause(self, seconds: float) -> None:
        self._drain()
        if not self._told:
            select.select([self._woken], [], [], seconds)

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)

    def _start(self) -> None:
        self._child = launch.spawn(self._home, ["--listener", str(self._listener)], [self._listener])
        self._began = time.monotonic()
        self._daemon = ProcessRecord.of(self._child.pid) or ProcessRecord(self._child.pid, -1)
        if self._told:  # by a signal that came while it was being started
            self._daemon.send(signal.SIGTERM)

    def _finish(self) -> None:
        from localcloud.daemon.teardown import tear_down  # noqa: PLC0415 - seldom needed, and large

        os.close(self._listener)
        tear_down(self._home)


def main() -> int:
    """Keep whom the arguments name, once this process is written down."""
    home = Home.default()
    pid, started, listener = (int(each) for each in sys.argv[1:4])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    keeper = Keeper(home, ProcessRecord(pid, started), listener)
    keeper.listen()
    if not sys.stdin.buffer.read():
        return 0
    try:
        return keeper.run()
    finally:
        launch.keeper_file(home).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
