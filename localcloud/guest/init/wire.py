"""Frames on the control socket between an instance's init and its host: one byte of kind, four of length, then the payload.

Host to guest: HELLO, EXEC (JSON: argv, env, tty, rows, columns), SHUTDOWN, INPUT (empty: end of file), WINDOW ("rows columns").
Guest to host: READY (boot id), OUTPUT, ERRORS, EXIT (exit status in decimal), FAILURE (message).
Neither side believes the other: a frame over `LIMIT` or of a surprising kind ends the conversation.
"""

from __future__ import annotations

LIMIT = 65536
HEADER = 5

HELLO, EXEC, SHUTDOWN, INPUT, WINDOW = b"H", b"X", b"S", b"i", b"w"
READY, OUTPUT, ERRORS, EXIT, FAILURE = b"h", b"o", b"e", b"q", b"f"


class ProtocolError(Exception):
    """The other side sent something that is not a frame."""


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """Encode one frame."""
    return kind + len(payload).to_bytes(4, "big") + payload


class FrameReader:
    """Turns a byte stream into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Return the frames completed by this data, as (kind, payload).

        Raises:
            ProtocolError: a frame is longer than `LIMIT`.
        """
        self._buffer += data
        frames = []
        while len(self._buffer) >= HEADER:
            length = int.from_bytes(self._buffer[1:HEADER], "big")
            if length > LIMIT:
                msg = f"frame of {length} bytes: at most {LIMIT} are allowed"
                raise ProtocolError(msg)
            if len(self._buffer) < HEADER + length:
                break
            frames.append((bytes(self._buffer[:1]), bytes(self._buffer[HEADER : HEADER + length])))
            del self._buffer[: HEADER + length]
        return frames
