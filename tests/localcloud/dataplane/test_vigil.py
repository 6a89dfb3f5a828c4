"""Who hangs is noticed and ended; who is only slow, or has nothing to do, or is stopped together with the daemon, is not."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from localcloud.clock import VirtualClock
from localcloud.dataplane import inhabitants
from localcloud.dataplane.vigil import ASK_EVERY, LOOK, PATIENCE, Duty, Vigil

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Helper:
    """Somebody who is looked after. `answers` lets one question be answered."""

    def __init__(self) -> None:
        self.ended = self.asked = 0
        self.answers = asyncio.Event()

    def end(self) -> int:
        """Count."""
        self.ended += 1
        return 1

    async def ask(self) -> None:
        """Wait until it answers."""
        self.asked += 1
        await self.answers.wait()
        self.answers.clear()


def looked_after(story: Callable[[Helper, Duty, Callable[[int], Awaitable[None]]], Awaitable[None]]) -> None:
    async def run() -> None:
        clock = VirtualClock()
        vigil, helper = Vigil(clock), Helper()
        duty = vigil.add(Duty("helper", helper.end, ask=helper.ask))
        vigil.begin()
        await asyncio.sleep(0)

        async def pass_by(looks: int) -> None:
            await clock.advance(looks * LOOK)

        await story(helper, duty, pass_by)
        vigil.close()

    asyncio.run(run())


def test_one_that_answers_no_more_is_ended_once_patience_is_out() -> None:
    async def story(helper: Helper, duty: Duty, pass_by: Callable[[int], Awaitable[None]]) -> None:
        await pass_by(ASK_EVERY)
        assert helper.asked == 1
        await pass_by(PATIENCE - 2)
        assert helper.ended == 0
        await pass_by(2)
        assert (helper.ended, duty.hung) == (1, 1)

    looked_after(story)


def test_one_that_answers_late_every_time_is_left_alone() -> None:
    async def story(helper: Helper, duty: Duty, pass_by: Callable[[int], Awaitable[None]]) -> None:
        for _ in range(10):
            await pass_by(PATIENCE - 2)
            helper.answers.set()
            await pass_by(1)
        assert (helper.ended, duty.hung) == (0, 0)
        assert helper.asked >= 10

    looked_after(story)


def test_one_with_much_to_do_is_left_alone_as_long_as_something_gets_done() -> None:
    async def story(helper: Helper, duty: Duty, pass_by: Callable[[int], Awaitable[None]]) -> None:
        with duty.owing():
            for _ in range(10):
                with duty.owing():
                    await pass_by(PATIENCE - 2)
            assert helper.ended == 0
            await pass_by(PATIENCE + 1)
            assert helper.ended == 1

    looked_after(story)


def test_one_that_owes_nothing_is_not_late_and_one_whose_end_is_of_no_use_is_looked_at_again() -> None:
    async def story(helper: Helper, duty: Duty, pass_by: Callable[[int], Awaitable[None]]) -> None:
        duty.ask = None
        await pass_by(3 * PATIENCE)
        assert helper.ended == 0
        with duty.owing():
            await pass_by(3 * PATIENCE + 3)
        assert helper.ended == 3

    looked_after(story)


def test_what_cannot_be_ended_does_not_keep_others_from_being_looked_at() -> None:
    async def story() -> None:
        vigil, helper = Vigil(VirtualClock()), Helper()

        def refused() -> int:
            raise PermissionError

        with vigil.add(Duty("other", refused)).owing(), vigil.add(Duty("helper", helper.end)).owing():
            for _ in range(PATIENCE + 1):
                vigil.look()
        assert helper.ended == 1

    asyncio.run(story())


STOPPED = """
import ctypes, os, signal, sys
with open("/proc/self/comm", "w") as name:
    name.write(sys.argv[1])
if sys.argv[2] == "traced":
    ctypes.CDLL(None).ptrace(0, 0, 0, 0)  # PTRACE_TRACEME: its parent is its debugger
os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.mark.parametrize("traced", [False, True])
def test_one_that_a_debugger_holds_is_not_ended(*, traced: bool) -> None:
    role = f"t{os.getpid()}"
    arguments = [inhabitants.called(role), "traced" if traced else "free"]
    process = subprocess.Popen([sys.executable, "-c", STOPPED, *arguments])
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert inhabitants.state(process.pid) == ("t" if traced else "T")
        assert inhabitants.helpers(os.getpid(), role) == [process.pid]
        assert inhabitants.helpers(os.getpid(), role, number=process.pid + 1) == []
        assert inhabitants.end(os.getpid(), role) == (0 if traced else 1)
    finally:
        process.kill()
        assert process.wait() == -signal.SIGKILL
