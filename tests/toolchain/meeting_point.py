"""Where a test and a process it started wait for each other: a FIFO that neither side can hang on for ever."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

PATIENCE_SECONDS = 300  # fails a test that hangs, and nothing else


class MeetingPoint:
    """A FIFO at `path`, held open for both directions, so that opening it never blocks and nothing said in it is lost."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def hear(self) -> str:
        """Wait for the process to say something, and return it."""
        ready, _, _ = select.select([self._descriptor], [], [], PATIENCE_SECONDS)
        assert ready, f"nothing came through {self.path} within {PATIENCE_SECONDS} s"
        return os.read(self._descriptor, 4096).decode()

    def say(self, word: str) -> None:
        """Let a process that reads a line from the FIFO go on."""
        os.write(self._descriptor, word.encode() + b"\n")
