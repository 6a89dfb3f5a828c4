"""`python -m localcloud.daemon`: one local cloud in the foreground, for `localcloud start` to detach."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys

from localcloud.daemon import cloud, launch
from localcloud.daemon.process_record import ProcessRecord
from localcloud.daemon.watchdog import Watchdog
from localcloud.guest.confinement import Confinement
from localcloud.home import Home


def main() -> int:
    """Run until SIGTERM or SIGINT; `--report-fd` gets one line: ready, or why not."""
    parser = argparse.ArgumentParser(prog="python -m localcloud.daemon")
    parser.add_argument("--speed", type=float)
    parser.add_argument("--project")
    parser.add_argument("--report-fd", type=int)
    parser.add_argument(
        "--listener", type=int, help="descriptor of the API's listening socket, if a keeper has it"
    )
    given = parser.parse_args()
    gc.disable()  # until it is ready: what is made meanwhile stays
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    report = _Report(given.report_fd)
    os.umask(
        0o022
    )  # instances may be another user, who must be able to read what they share; the folder itself is its owner's only
    home = Home.default()
    home.run.mkdir(parents=True, exist_ok=True, mode=0o700)
    home.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        confinement = Confinement.begin(home)  # before this process has any of its own
        asyncio.run(_run(home, given, report, confinement))
    except (OSError, ValueError, RuntimeError) as error:
        logging.getLogger(__name__).exception("the cloud ended")
        report.say(" ".join(str(error).split()))
        return 1
    return 0


async def _run(
    home: Home, given: argparse.Namespace, report: _Report, confinement: Confinement | None
) -> None:
    launch.stopping_file(home).unlink(missing_ok=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def ready() -> None:
        gc.enable()
        gc.freeze()  # modules and discovery documents stay: no collection needs to look through them
        # What a request makes is gone with it, and what it writes stays: with Python's 700, a busy cloud looks through its documents
        # again and again.
        gc.set_threshold(10_000, 10, 10)
        Watchdog(asyncio.get_running_loop()).begin()
        ProcessRecord.mine().write(launch.record_file(home))
        report.say("ready")

    await cloud.run(
        home,
        given.speed,
        ready,
        stop,
        project=given.project,
        listener=given.listener,
        kept=True,
        confinement=confinement,
    )
    launch.record_file(home).unlink(missing_ok=True)


class _Report:
    """The one line that the starting command waits for."""

    def __init__(self, fd: int | None) -> None:
        self._fd = fd

    def say(self, line: str) -> None:
        if self._fd is not None:
            os.write(self._fd, line.encode() + b"\n")
            os.close(self._fd)
            self._fd = None


if __name__ == "__main__":
    sys.exit(main())
