"""The journal: lines with who wrote them, kept in a file that `journalctl` reads, and echoed on the serial port.

One entry a line, fields separated by tabs: microseconds since the epoch, boot id, unit, identifier, pid, priority, message
(backslash, tab, carriage return and line feed escaped). As on Google's Debian images, what services print goes to the serial port too.
"""

from __future__ import annotations

import os
import time

from .loop import READ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .loop import Loop

FOLDER = "/var/log/journal"
FILE = f"{FOLDER}/system.journal"
ROTATED = f"{FOLDER}/system@1.journal"
FILE_LIMIT = 16 << 20  # bytes; then the file becomes the rotated one, and the previous rotated one is dropped
LINE_LIMIT = 48 << 10  # bytes, as journald's LineMax; longer lines are split
INFO, NOTICE, WARNING, ERROR = 6, 5, 4, 3

_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))


class Entry:
    """One line of the journal."""

    __slots__ = ("at", "boot", "identifier", "message", "pid", "priority", "unit")

    def __init__(
        self, at: int, boot: str, unit: str, identifier: str, *, pid: int, priority: int, message: str
    ) -> None:
        self.at, self.boot, self.unit, self.identifier = at, boot, unit, identifier
        self.pid, self.priority, self.message = pid, priority, message

    def encode(self) -> bytes:
        """Return the line kept in the file."""
        message = self.message
        for plain, escaped in _ESCAPES:
            message = message.replace(plain, escaped)
        fields = (
            str(self.at),
            self.boot,
            self.unit,
            self.identifier,
            str(self.pid),
            str(self.priority),
            message,
        )
        return ("\t".join(fields) + "\n").encode("utf-8", "surrogateescape")

    @classmethod
    def decode(cls, line: bytes) -> Entry | None:
        """Read a line of the file; None if it is damaged."""
        fields = line.decode("utf-8", "replace").rstrip("\n").split("\t", 6)
        try:
            at, boot, unit, identifier, pid, priority, message = fields
            numbers = int(at), int(pid), int(priority)
        except ValueError:
            return None
        parts = message.split("\\\\")
        for plain, escaped in _ESCAPES[1:]:
            parts = [part.replace(escaped, plain) for part in parts]
        return cls(
            numbers[0], boot, unit, identifier, pid=numbers[1], priority=numbers[2], message="\\".join(parts)
        )

    def short(self, host: str) -> str:
        """Return the line in the form of syslog: ``Nov 23 04:15:45 web-x7k2 name[123]: message``."""
        stamp = time.strftime("%b %d %H:%M:%S", time.localtime(self.at / 1e6))
        process = f"[{self.pid}]" if self.pid else ""
        return f"{stamp} {host} {self.identifier}{process}: {self.message}"


class Journal:
    """Takes lines from the units, the system log socket and the init itself."""

    def __init__(self, loop: Loop, boot: str, host: str, serial: int) -> None:
        self._loop, self._boot, self._host, self._serial = loop, boot, host, serial
        os.makedirs(FOLDER, exist_ok=True)
        self._file = os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        self._size = os.fstat(self._file).st_size
        self._followers: list[Callable[[bytes], None]] = []

    def follow(self, follower: Callable[[bytes], None]) -> Callable[[], None]:
        """Hand every new entry, encoded, to the follower; returns the function that ends it."""
        self._followers.append(follower)
        return lambda: self._followers.remove(follower)

    def serial(self, data: bytes) -> None:
        """Write to the serial port."""
        try:
            os.write(self._serial, data)
        except OSError:
            pass  # a full disk must not stop the machine

    def log(
        self,
        unit: str,
        identifier: str,
        pid: int,
        message: str,
        *,
        priority: int = INFO,
        console: bool = True,
    ) -> None:
        """Add an entry."""
        identifier = identifier.replace("\t", " ").replace("\n", " ")
        entry = Entry(
            time.time_ns() // 1000, self._boot, unit, identifier, pid=pid, priority=priority, message=message
        )
        data = entry.encode()
        try:
            os.write(self._file, data)
            self._size += len(data)
            if self._size > FILE_LIMIT:
                self._rotate()
        except OSError:
            pass
        if console:
            self.serial((entry.short(self._host) + "\r\n").encode("utf-8", "surrogateescape"))
        for follower in tuple(self._followers):
            follower(data)

    def stream(
        self, unit: str, identifier: str, pid_of: Callable[[], int], *, console: bool = True
    ) -> tuple[int, Callable[[], None]]:
        """Make a pipe whose lines become entries. Returns its writing end and a function that takes in what it holds now."""
        reading, writing = os.pipe()
        emit = self._emitter(unit, identifier, pid_of, INFO, console=console)
        return writing, _Lines(self._loop, reading, emit).drain

    def take_stream(self, fd: int, unit: str, identifier: str, pid: int, priority: int) -> None:
        """Have the lines that come from a descriptor become entries, until its other end is closed."""
        _Lines(self._loop, fd, self._emitter(unit, identifier, lambda: pid, priority, console=False))

    def _emitter(
        self, unit: str, identifier: str, pid_of: Callable[[], int], usual: int, *, console: bool
    ) -> Callable[[bytes], None]:
        def emit(line: bytes) -> None:
            priority = usual
            if len(line) >= 3 and line[:1] == b"<" and line[2:3] == b">" and line[1:2].isdigit():
                priority, line = int(line[1:2]), line[3:]
            text = line.rstrip(b"\r").decode("utf-8", "replace")
            if text:
                self.log(unit, identifier, pid_of(), text, priority=priority, console=console)

        return emit

    def _rotate(self) -> None:
        os.replace(FILE, ROTATED)
        os.close(self._file)
        self._file = os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        self._size = 0


class _Lines:
    """Reads a pipe by lines until its last writer has closed it."""

    def __init__(self, loop: Loop, fd: int, emit: Callable[[bytes], None]) -> None:
        self._loop, self._fd, self._emit = loop, fd, emit
        self._pending = bytearray()
        os.set_blocking(fd, False)
        loop.watch(fd, READ, self._ready)

    def drain(self) -> None:
        """Take in all that has been written."""
        while self._fd >= 0 and self._take():
            pass

    def _ready(self, _: int) -> None:
        self._take()

    def _take(self) -> bool:
        try:
            data = os.read(self._fd, 65536)
        except BlockingIOError:
            return False
        except OSError:  # a connection that was broken off
            data = b""
        self._pending += data
        while (end := self._pending.find(b"\n")) >= 0 or len(self._pending) > LINE_LIMIT:
            end = end if 0 <= end <= LINE_LIMIT else LINE_LIMIT
            self._emit(bytes(self._pending[:end]))
            del self._pending[: end + (self._pending[end : end + 1] == b"\n")]
        if data:
            return True
        if self._pending:
            self._emit(bytes(self._pending))
            self._pending.clear()
        self._loop.unwatch(self._fd)
        os.close(self._fd)
        self._fd = -1
        return False


def read(boot: str | None = None) -> list[Entry]:
    """Return the kept entries, oldest first; of one boot only if asked."""
    entries = []
    for name in (ROTATED, FILE):
        try:
            with open(name, "rb") as file:
                lines = file.readlines()
        except FileNotFoundError:
            continue
        for line in lines:
            entry = Entry.decode(line)
            if entry is not None and (boot is None or entry.boot == boot):
                entries.append(entry)
    return entries
