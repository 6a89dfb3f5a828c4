"""Ctrl-C belongs to the command that runs, and reaches it exactly once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from toolchain import foreground

ROOT = Path(__file__).resolve().parents[2]

# Writes its readiness, then counts interrupts until it is told that no more will come.
COMMAND = """
import signal, sys, threading
count = 0
def interrupted(*_):
    global count
    count += 1
    if count == 1:
        open(sys.argv[2], "w").write("interrupted")
signal.signal(signal.SIGINT, interrupted)
open(sys.argv[1], "w").write("ready")
open(sys.argv[3]).read()
print("interrupts:", count, flush=True)
sys.exit(5)
"""

WRAPPER = """
import os, sys
from pathlib import Path
from toolchain import foreground
sys.exit(foreground.run(sys.argv[1:], env=os.environ, cwd=Path("/"), interactive=False))
"""


@pytest.mark.parametrize("way", ["ctrl-c", "sigterm"])
def test_an_interrupt_reaches_the_command_once_and_its_status_comes_back(tmp_path: Path, way: str) -> None:
    fifos = [tmp_path / name for name in ("ready", "interrupted", "finish")]
    for fifo in fifos:
        os.mkfifo(fifo)
    command = [sys.executable, "-c", WRAPPER, sys.executable, "-c", COMMAND, *map(str, fifos)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, process_group=0) as running:
        fifos[0].read_text()
        if way == "ctrl-c":
            os.killpg(running.pid, signal.SIGINT)
        else:
            running.terminate()
        fifos[1].read_text()
        fifos[2].write_text("")
        printed, _ = running.communicate(timeout=60)

    assert printed == "interrupts: 1\n"
    assert running.returncode == 5


def test_a_command_ended_by_a_signal_has_the_status_a_shell_gives(tmp_path: Path) -> None:
    script = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert (
        foreground.run([sys.executable, "-c", script], env=os.environ, cwd=tmp_path) == 128 + signal.SIGKILL
    )


def test_signal_handlers_are_put_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    foreground.run(["/bin/true"], env=os.environ, cwd=tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
