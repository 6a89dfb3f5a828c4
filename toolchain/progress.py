"""What a person sees while something takes long."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from toolchain.errors import ToolchainError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TAIL_LINES = 20


def duration(seconds: float) -> str:
    """Return `seconds` as minutes:seconds, as in "2:07"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


@dataclass
class Progress:
    """Writes progress lines: what begins, every few seconds how far it is, and how long it took.

    Args:
        stream: where to write.
        every: seconds between two lines of one step.
        clock: seconds, monotonic.
        quiet: say only what begins.
    """

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    every: float = 10.0
    clock: Callable[[], float] = time.monotonic
    quiet: bool = False

    def say(self, text: str) -> None:
        """Write one line."""
        print(text, file=self.stream, flush=True)

    def run(
        self,
        command: list[str],
        *,
        title: str,
        log: Path,
        hint: str = "",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        detail: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        """Run `command` with its output in `log`, telling `title`, time gone and the last detail while it runs.

        Args:
            command: program and arguments.
            title: what it does, for people.
            hint: what to expect of it, said once.
            log: appended to; its last lines are shown on failure.
            env: the environment, or None for this process's.
            cwd: the working directory, or None for this process's.
            detail: given each line of output, returns what to show of it, or None.

        Raises:
            ToolchainError: the command failed; the message ends with the log's last lines.
        """
        started = self.clock()
        self.say(f"{title}{f' ({hint})' if hint else ''} ...")
        shown = {"detail": ""}
        ended = threading.Event()

        def tick() -> None:
            while not ended.wait(self.every):
                extra = f": {shown['detail']}" if shown["detail"] else ""
                self.say(f"  {duration(self.clock() - started)} {title}{extra}")

        with log.open("ab") as written:
            written.write(f"$ {' '.join(command)}\n".encode())
            try:
                child = subprocess.Popen(
                    command,
                    cwd=cwd,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                )
            except OSError as error:
                raise ToolchainError(f"{title}: {command[0]} cannot be started: {error.strerror}") from error
            ticker = threading.Thread(target=tick, daemon=True)
            ticker.start()
            try:
                assert child.stdout is not None  # noqa: S101  it was asked for
                with child.stdout:
                    for line in child.stdout:
                        written.write(line)
                        shown["detail"] = detail(line.decode(errors="replace").strip()) or shown["detail"]
                status = child.wait()
            except BaseException:
                child.terminate()
                child.wait()
                raise
            finally:
                ended.set()
                ticker.join()
        took = duration(self.clock() - started)
        if status != 0:
            tail = "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-TAIL_LINES:])
            raise ToolchainError(
                f"{title}: failed after {took} with exit status {status}; {log} ends with\n{tail}"
            )
        if not self.quiet:
            self.say(f"  done in {took}")
