"""What is said while something takes long."""

from __future__ import annotations

import io
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tests.toolchain.meeting_point import MeetingPoint
from toolchain.errors import ToolchainError
from toolchain.progress import Progress, duration

if TYPE_CHECKING:
    from pathlib import Path


class _Told(io.StringIO):
    """Remembers what is written, and tells when a line with a word came by."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word = word
        self.seen = threading.Event()

    def write(self, text: str) -> int:
        if self.word in text:
            self.seen.set()
        return super().write(text)


def test_a_long_step_tells_how_far_it_is(tmp_path: Path) -> None:
    told = _Told("step 2")
    with MeetingPoint(tmp_path / "fifo") as point:
        script = (
            f"print('step 1', flush=True); print('step 2', flush=True); open({str(point.path)!r}).readline()"
        )

        def release() -> None:
            told.seen.wait(60)
            point.say("go on")

        releaser = threading.Thread(target=release)
        releaser.start()
        # The command goes on until a progress line has told of its second step.
        Progress(told, every=0.01).run(
            [sys.executable, "-c", script],
            title="Working",
            hint="a while",
            log=tmp_path / "log",
            detail=lambda line: line or None,
        )
        releaser.join()

    lines = told.getvalue().splitlines()
    assert lines[0] == "Working (a while) ..."
    assert "  0:00 Working: step 2" in lines
    assert lines[-1].startswith("  done in ")
    assert "step 1" in (tmp_path / "log").read_text()


def test_a_failure_shows_the_end_of_the_log_and_where_it_is(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(ToolchainError) as caught:
        Progress(io.StringIO()).run(
            [sys.executable, "-c", "print('\\n'.join(map(str, range(100)))); exit(3)"],
            title="Working",
            log=log,
        )
    message = str(caught.value)
    assert "Working: failed after 0:00 with exit status 3" in message
    assert str(log) in message
    assert message.splitlines()[-1] == "99"
    assert "50" not in message.splitlines()


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="/nowhere/it cannot be started: No such file"):
        Progress(io.StringIO()).run(["/nowhere/it"], title="Working", log=tmp_path / "log")


def test_durations_read_as_minutes_and_seconds() -> None:
    assert [duration(seconds) for seconds in (0, 59.9, 61, 3600)] == ["0:00", "0:59", "1:01", "60:00"]
