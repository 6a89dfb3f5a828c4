"""Who calls a helper that outlives the daemon: each daemon connects to its control socket anew, and asks by messages."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any

from localcloud.dataplane import wire

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable


class Callers:
    """The control socket and its connections, in the helper's poller. `answer`: from a message and its descriptors."""

    def __init__(
        self,
        control: socket.socket,
        poller: select.epoll,
        answer: Callable[[wire.Message, list[int]], dict[str, Any]],
    ) -> None:
        self._control, self._poller, self._answer = control, poller, answer
        self._connected: dict[int, tuple[socket.socket, wire.Assembler]] = {}
        self._greeted = False
        poller.register(control, select.EPOLLIN)

    @property
    def gone(self) -> bool:
        """Whether there was one, and there is none any more."""
        return self._greeted and not self._connected

    def event(self, descriptor: int) -> None:
        """Handle what the poller has found, where it is one of these."""
        if descriptor == self._control.fileno():
            caller, _ = self._control.accept()
            self._connected[caller.fileno()] = (caller, wire.Assembler())
            self._poller.register(caller, select.EPOLLIN)
            self._greeted = True
        elif descriptor in self._connected:
            self._serve(descriptor)

    def _serve(self, descriptor: int) -> None:
        caller, assembler = self._connected[descriptor]
        try:
            alive = assembler.receive(caller)
            while (item := assembler.pop()) is not None:
                wire.send(caller, self._answer(*item))
        except OSError:
            alive = False
        if not alive:
            del self._connected[descriptor]
            caller.close()
