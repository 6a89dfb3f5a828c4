"""Runs a command for the person at the terminal, so that Ctrl-C is the command's to handle."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import FrameType


def run(
    command: list[str], *, env: Mapping[str, str], cwd: Path, interactive: bool = True, last: bool = True
) -> int:
    """Run `command` on this terminal and return its exit status (128 + N if signal N ended it).

    Ctrl-C reaches the command by itself, being in the same foreground group; here it is only not acted upon. Passing it on would
    make it two, which the engine takes for "stop at once, whatever becomes of the state". A polite request to end (SIGTERM, SIGHUP)
    reaches this process alone and is passed on as one Ctrl-C. A command that is not the `last` of what was asked for raises
    KeyboardInterrupt after either, once it has ended: what would follow was not to be done any more.
    """
    interrupted = early = asked = False
    child: subprocess.Popen[bytes] | None = None

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True

    def pass_on(_number: int, _frame: FrameType | None) -> None:
        nonlocal early, asked
        asked = True
        if child is None:
            early = True
        elif not interrupted:
            child.send_signal(signal.SIGINT)

    # Handlers, not SIG_IGN: what is ignored here would be ignored by the command as well.
    handlers = {signal.SIGINT: note, signal.SIGTERM: pass_on, signal.SIGHUP: pass_on}
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        child = subprocess.Popen(command, env=env, cwd=cwd, stdin=None if interactive else subprocess.DEVNULL)
        if early and not interrupted:  # it came before there was anybody to pass it on to
            child.send_signal(signal.SIGINT)
        status = child.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if (interrupted or asked) and not last:
        raise KeyboardInterrupt
    return status if status >= 0 else 128 - status
