"""One TCP connection carried from the host into the cloud: two sockets, bytes both ways, half-closes and resets passed on.

Made for an edge-triggered poller: `pump` moves what can be moved now, and is called again when either socket has news.
"""

from __future__ import annotations

import socket
import struct

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
CHUNK = 1 << 18
_TURNS = 16  # chunks one connection may move before the others get their turn

_buffer = memoryview(bytearray(CHUNK))


class _Direction:
    """Bytes from `source` to `sink`; `pending` is what was read and could not be written yet."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source = source
        self.sink = sink
        self.pending = b""
        self.finished = False

    def pump(self) -> bool:
        """Move bytes until one side would block (False) or this direction's turn is over (True). Raises OSError."""
        if self.finished:
            return False
        try:
            for _ in range(_TURNS):
                if self.pending:
                    self.pending = self.pending[self.sink.send(self.pending) :]
                    continue
                count = self.source.recv_into(_buffer)
                if count == 0:
                    self.sink.shutdown(socket.SHUT_WR)
                    self.finished = True
                    return False
                try:
                    sent = self.sink.send(_buffer[:count])
                except BlockingIOError:
                    sent = 0
                if sent < count:
                    self.pending = bytes(_buffer[sent:count])
        except BlockingIOError:
            return False
        return True


class Relay:
    """A host connection and its counterpart inside. `connected` once the inner one is; nothing moves before."""

    def __init__(self, outer: socket.socket, inner: socket.socket) -> None:
        self.outer = outer
        self.inner = inner
        self.connected = False
        self._inward = _Direction(outer, inner)
        self._outward = _Direction(inner, outer)

    def pump(self) -> bool:
        """Move what can be moved; return whether there may be more at once. Closes itself when both directions are done or broken."""
        try:
            if not self.connected:
                error = self.inner.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if error:
                    self.reset()
                    return False
                try:
                    self.inner.getpeername()
                except OSError:
                    return False  # still connecting
                self.connected = True
            more = self._inward.pump()
            more = self._outward.pump() or more
        except OSError:
            self.reset()
            return False
        if self._inward.finished and self._outward.finished:
            self.close()
        return more

    @property
    def closed(self) -> bool:
        """Whether both sockets are closed."""
        return self.outer.fileno() < 0

    def reset(self) -> None:
        """Break both connections, as the other side's reset or silence would have."""
        for sock in (self.outer, self.inner):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.close()

    def close(self) -> None:
        """Close both sockets."""
        self.outer.close()
        self.inner.close()
