"""Ctrl-C belongs to the command that runs: nobody repeats it; a polite request to end is passed on as one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.toolchain.meeting_point import PATIENCE_SECONDS, MeetingPoint
from toolchain import foreground

ROOT = Path(__file__).resolve().parents[2]

# Says that it runs, and counts interrupts until it is told that no more will come.
COMMAND = """
import signal, sys
count = 0
def interrupted(*_):
    global count
    count += 1
signal.signal(signal.SIGINT, interrupted)
open(sys.argv[1], "w").write("ready")
open(sys.argv[3]).readline()
print("interrupts:", count, flush=True)
sys.exit(5)
"""

# Runs the command in the foreground, and says when one of its own signal handlers has done what it does.
WRAPPER = """
import os, signal, sys
from pathlib import Path
from toolchain import foreground

handled = sys.argv[5]
install = signal.signal
def noting(number, handler):
    def act(*arguments):
        handler(*arguments)
        Path(handled).write_text("handled")
    return install(number, act if callable(handler) else handler)
signal.signal = noting
sys.exit(foreground.run(sys.argv[1:], env=os.environ, cwd=Path("/"), interactive=False))
"""


@pytest.mark.parametrize(
    ("number", "passed_on"), [(signal.SIGINT, 0), (signal.SIGTERM, 1), (signal.SIGHUP, 1)]
)
def test_what_this_process_is_sent_reaches_the_command_as_it_should(
    tmp_path: Path, number: signal.Signals, passed_on: int
) -> None:
    with (
        MeetingPoint(tmp_path / "ready") as ready,
        MeetingPoint(tmp_path / "handled") as handled,
        MeetingPoint(tmp_path / "finish") as finish,
    ):
        paths = [str(point.path) for point in (ready, handled, finish)]
        command = [sys.executable, "-c", WRAPPER, sys.executable, "-c", COMMAND, *paths]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, process_group=0
        ) as running:
            ready.hear()
            # A terminal sends Ctrl-C to both; here it goes to the one in front alone, to see what that makes of it.
            running.send_signal(number)
            handled.hear()
            finish.say("no more will come")
            printed, _ = running.communicate(timeout=PATIENCE_SECONDS)

    assert printed == f"interrupts: {passed_on}\n"
    assert running.returncode == 5


def test_a_request_to_end_that_comes_while_the_command_is_begun_reaches_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begin = subprocess.Popen

    def interrupted(command: list[str], **options: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401 - Popen's own
        begun = begin(command, **options)
        os.kill(os.getpid(), signal.SIGTERM)
        return begun

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    assert foreground.run(["/bin/sleep", "1000"], env=os.environ, cwd=tmp_path) == 128 + signal.SIGINT
    with pytest.raises(KeyboardInterrupt):
        foreground.run(["/bin/sleep", "1000"], env=os.environ, cwd=tmp_path, last=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_follows_an_interrupted_command_that_is_not_the_last(
    tmp_path: Path, number: signal.Signals
) -> None:
    # The command ends well all the same, as one does that tidies up first.
    script = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.kill(os.getppid(), int(sys.argv[1]))"
    command = [sys.executable, "-c", script, str(int(number))]
    assert foreground.run(command, env=os.environ, cwd=tmp_path) == 0
    with pytest.raises(KeyboardInterrupt):
        foreground.run(command, env=os.environ, cwd=tmp_path, last=False)


def test_a_command_ended_by_a_signal_has_the_status_a_shell_gives(tmp_path: Path) -> None:
    script = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert (
        foreground.run([sys.executable, "-c", script], env=os.environ, cwd=tmp_path) == 128 + signal.SIGKILL
    )


def test_signal_handlers_are_put_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    foreground.run(["/bin/true"], env=os.environ, cwd=tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
