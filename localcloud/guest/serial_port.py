"""What an instance has written to its serial port, as `getSerialPortOutput` hands it out: the last megabyte, by offset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEPT = 1 << 20  # bytes


@dataclass(frozen=True, kw_only=True)
class SerialOutput:
    """`contents` begins at offset `start`, which is later than asked for if that was too long ago; `next` is where to go on."""

    contents: bytes
    start: int
    next: int


def read(folder: Path, start: int = 0) -> SerialOutput:
    """Read the serial port's output of the instance with this folder; nothing if it has not booted yet.

    A negative `start` counts from the end, as in Google's API.
    """
    try:
        with (folder / "serial.log").open("rb") as file:
            size = file.seek(0, 2)
            begin = max(0, size + start) if start < 0 else min(start, size)
            begin = max(begin, size - KEPT)
            file.seek(begin)
            contents = file.read(size - begin)
    except FileNotFoundError:
        return SerialOutput(contents=b"", start=0, next=0)
    return SerialOutput(contents=contents, start=begin, next=begin + len(contents))
