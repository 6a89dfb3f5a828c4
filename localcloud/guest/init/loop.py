"""The init's event loop: descriptors, timers and ended children, in the fewest imports that do it."""

from __future__ import annotations

import heapq
import os
import select
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

READ, WRITE, HANGUP = select.EPOLLIN, select.EPOLLOUT, select.EPOLLHUP | select.EPOLLERR


class Timer:
    """A call to be made later, unless cancelled."""

    __slots__ = ("call", "when")

    def __init__(self, when: float, call: Callable[[], None]) -> None:
        self.when = when
        self.call: Callable[[], None] | None = call

    def __lt__(self, other: Timer) -> bool:
        return self.when < other.when

    def cancel(self) -> None:
        """Make sure the call is not made."""
        self.call = None


class Loop:
    """Single-threaded; handlers must not block."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._timers: list[Timer] = []
        self._children: dict[int, Callable[[int], None]] = {}
        self._signals: dict[int, Callable[[], None]] = {}
        self.on_orphan: Callable[[], None] = _nothing  # called when one has ended that nobody waits for
        self._wake, wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self.on_signal(signal.SIGCHLD, self._reap)
        self.watch(self._wake, READ, self._woken)
        self._running = True

    def watch(self, fd: int, events: int, handler: Callable[[int], None]) -> None:
        """Call `handler(events)` whenever one of these events is there."""
        self._handlers[fd] = handler
        self._poll.register(fd, events)

    def modify(self, fd: int, events: int) -> None:
        """Wait for other events on a watched descriptor."""
        if fd in self._handlers:
            self._poll.modify(fd, events)

    def unwatch(self, fd: int) -> None:
        """Forget a descriptor (before closing it)."""
        if self._handlers.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Make a call after this many seconds."""
        timer = Timer(time.monotonic() + seconds, call)
        heapq.heappush(self._timers, timer)
        return timer

    def on_signal(self, number: int, call: Callable[[], None]) -> None:
        """Make a call, outside of signal context, when this signal arrives."""
        self._signals[number] = call
        signal.signal(number, _ignore)

    def on_exit(self, pid: int, call: Callable[[int], None]) -> None:
        """Call with the wait status when this child ends."""
        self._children[pid] = call  # never too late: children are reaped in `run` only

    def stop(self) -> None:
        """Return from `run` after the current round."""
        self._running = False

    def run(self) -> None:
        """Work until stopped."""
        while self._running:
            timeout = -1.0
            while self._timers and self._timers[0].call is None:
                heapq.heappop(self._timers)
            if self._timers:
                timeout = max(0.0, self._timers[0].when - time.monotonic())
            for fd, events in self._poll.poll(timeout):
                handler = self._handlers.get(fd)
                if handler is not None:
                    handler(events)
            now = time.monotonic()
            while self._timers and self._timers[0].when <= now:
                due = heapq.heappop(self._timers).call
                if due is not None:
                    due()

    def _woken(self, _: int) -> None:
        try:
            numbers = os.read(self._wake, 4096)
        except BlockingIOError:
            return
        for number in sorted(set(numbers)):
            self._signals.get(number, _nothing)()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            call = self._children.pop(pid, None)
            if call is not None:
                call(status)
            else:
                self.on_orphan()


def _ignore(_number: int, _frame: object) -> None:
    pass


def _nothing() -> None:
    pass
