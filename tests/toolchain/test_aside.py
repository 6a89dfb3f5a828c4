"""What is done aside gives way to what is done in front, and is told in one piece when it is over."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, TextIO

import pytest

from toolchain import aside
from toolchain.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future


def _running(script: str) -> Callable[[TextIO], int]:
    """Return a job: a Python program."""

    def job(output: TextIO) -> int:
        print("the program says:", file=output, flush=True)
        return subprocess.run([sys.executable, "-c", script], stdout=output, check=False).returncode

    return job


def test_jobs_come_one_after_the_other_and_are_told_whole_with_their_status() -> None:
    said = io.StringIO()
    with aside.working(Progress(said)) as others:
        first = others.begin("first", _running("print('one'); print('two')"))
        second = others.begin("second", _running("raise SystemExit(3)"))
    assert (first.result(), second.result()) == (0, 3)
    assert said.getvalue() == "\n== first\nthe program says:\none\ntwo\n\n\n== second\nthe program says:\n\n"


def test_a_jobs_programs_have_a_lower_priority_than_whoever_began_it() -> None:
    said = io.StringIO()
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with aside.working(Progress(said)) as others:
        others.begin("job", _running("import os; print('nice', os.getpriority(os.PRIO_PROCESS, 0))"))
    assert f"nice {min(19, before + aside.NICENESS)}\n" in said.getvalue()
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_a_job_that_raises_tells_what_it_had_said_and_whoever_asks() -> None:
    said = io.StringIO()

    def job(output: TextIO) -> int:
        output.write("so far\n")
        raise RuntimeError("no further")

    with aside.working(Progress(said)) as others:
        begun = others.begin("job", job)
    with pytest.raises(RuntimeError, match="no further"):
        begun.result()
    assert "== job\nso far\n" in said.getvalue()


def test_what_has_not_begun_when_the_block_fails_is_never_begun() -> None:
    begun, finish = threading.Event(), threading.Event()

    def waits(_: TextIO) -> int:
        begun.set()
        finish.wait()
        return 0

    def fail() -> None:
        with aside.working(Progress(io.StringIO())) as others:
            jobs.append(others.begin("waits", waits))
            jobs.append(others.begin("never", _running("")))
            begun.wait()
            jobs[1].add_done_callback(lambda _: finish.set())  # it is given up while the first one goes on
            raise KeyboardInterrupt

    jobs: list[Future[int]] = []
    with pytest.raises(KeyboardInterrupt):
        fail()
    assert jobs[0].result() == 0
    assert jobs[1].cancelled()
