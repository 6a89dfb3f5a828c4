"""Counts what the controllers, or another part, do: the instructions that their modules execute, the same on every machine."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import localcloud.control
import localcloud.store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, ModuleType

_STORE = localcloud.store.__file__
_SIMULATED = "simulat"  # what is driven is none of the controllers' work


@dataclass
class Work:
    """Instructions executed so far."""

    instructions: int = 0


@contextmanager
def counting(part: ModuleType = localcloud.control) -> Iterator[Work]:
    """Count what this part of the local cloud does, and the store, while the block runs."""
    work = Work()
    folder = f"{Path(str(part.__file__)).parent}/"

    def each(_frame: FrameType, event: str, _argument: object) -> object:
        if event == "opcode":
            work.instructions += 1
        return each

    def call(frame: FrameType, _event: str, _argument: object) -> object:
        file = frame.f_code.co_filename
        if not (file.startswith(folder) or file == _STORE) or _SIMULATED in file:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return each

    before = sys.gettrace()
    sys.settrace(call)  # type: ignore[arg-type]
    try:
        yield work
    finally:
        sys.settrace(before)
