"""A connected socket of the init's loop, with bounded buffers: who does not read is not read from."""

from __future__ import annotations

from .loop import HANGUP, READ, WRITE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .loop import Loop

HIGH_WATER = 256 << 10  # bytes waiting to be sent; above it `full` is true


class Channel:
    """One connection. `received(data)` is called with what arrives, `closed()` once when it is over."""

    def __init__(
        self,
        loop: Loop,
        connection: socket.socket,
        received: Callable[[bytes], None],
        closed: Callable[[], None],
    ) -> None:
        self._loop, self._connection, self._received, self._closed = loop, connection, received, closed
        self._out = bytearray()
        self._paused = self._ending = self._over = False
        self.drained: Callable[[], None] | None = None
        connection.setblocking(False)
        loop.watch(connection.fileno(), READ, self._ready)

    @property
    def full(self) -> bool:
        """Whether the other side is behind with reading."""
        return len(self._out) > HIGH_WATER

    def send(self, data: bytes) -> None:
        """Send, keeping what does not fit now."""
        if not self._over:
            self._out += data
            self._flush()

    def pause(self, *, reading: bool) -> None:
        """Stop (False) or go on (True) taking what arrives."""
        if self._paused == reading:
            self._paused = not reading
            self._interest()

    def finish(self) -> None:
        """Close when everything has been sent."""
        self._ending = True
        if not self._out:
            self.close()

    def close(self) -> None:
        """Close now."""
        if self._over:
            return
        self._over = True
        self._loop.unwatch(self._connection.fileno())
        self._connection.close()
        self._closed()

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self._flush()
        if events & (READ | HANGUP) and not self._over and not (self._paused and not events & HANGUP):
            try:
                data = self._connection.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if data:
                self._received(data)
            else:
                self.close()

    def _flush(self) -> None:
        try:
            while self._out and not self._over:
                sent = self._connection.send(self._out[:65536])
                del self._out[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if self._over:
            return
        if not self._out and self._ending:
            self.close()
            return
        self._interest()
        if self.drained is not None and not self.full:
            self.drained()

    def _interest(self) -> None:
        if not self._over:
            self._loop.modify(
                self._connection.fileno(), (0 if self._paused else READ) | (WRITE if self._out else 0)
            )


def accept_on(loop: Loop, listener: socket.socket, taken: Callable[[socket.socket], None]) -> None:
    """Call `taken` with each connection made to a listening socket."""
    listener.setblocking(False)

    def ready(_: int) -> None:
        try:
            connection, _address = listener.accept()
        except OSError:
            return
        taken(connection)

    loop.watch(listener.fileno(), READ, ready)
