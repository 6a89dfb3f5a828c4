"""The sockets by which programs write to the journal themselves: systemd-cat and what else has a stream, and sd_journal_send(3)."""

from __future__ import annotations

import os
import socket
import struct

from . import datagrams
from .journal import INFO
from .loop import READ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .journal import Journal
    from .loop import Loop

FOLDER = "/run/systemd/journal"
_HEADER_LINES = (
    7  # identifier, unit, priority, whether lines may have a level before them, and whom to pass them on to
)
_HEADER_LIMIT = 4096  # bytes
_CREDENTIALS = struct.calcsize("3i")


class JournalSockets:
    """Serves both sockets; `unit_of` tells whose a process is."""

    def __init__(self, loop: Loop, journal: Journal, unit_of: Callable[[int], str]) -> None:
        self._loop, self._journal, self._unit_of = loop, journal, unit_of
        os.makedirs(FOLDER, exist_ok=True)
        streams = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        streams.bind(f"{FOLDER}/stdout")
        streams.listen(64)
        streams.setblocking(False)
        loop.watch(streams.fileno(), READ, lambda _: self._accept(streams))
        self._entries = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._entries.bind(f"{FOLDER}/socket")
        self._entries.setblocking(False)
        self._entries.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        loop.watch(self._entries.fileno(), READ, self._entry)

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS)
        _Stream(self._loop, self._journal, self._unit_of, connection, struct.unpack("3i", credentials)[0])

    def _entry(self, _: int) -> None:
        """Take in one entry of fields: NAME=value, or NAME, a length and as many bytes."""
        try:
            data, pid = datagrams.receive(self._entries)
        except OSError:
            return
        fields = _fields(data)
        if "MESSAGE" not in fields:
            return
        priority = fields.get("PRIORITY", "")
        self._journal.log(
            self._unit_of(pid), fields.get("SYSLOG_IDENTIFIER") or _name(pid), pid, fields["MESSAGE"],
            priority=int(priority) if priority in set("01234567") else INFO, console=False,
        )  # fmt: skip


class _Stream:
    """One connection: some lines that say who it is, then lines for the journal."""

    def __init__(
        self,
        loop: Loop,
        journal: Journal,
        unit_of: Callable[[int], str],
        connection: socket.socket,
        pid: int,
    ) -> None:
        self._loop, self._journal, self._connection, self._pid = loop, journal, connection, pid
        self._unit = unit_of(pid)
        self._head = bytearray()
        connection.setblocking(False)
        loop.watch(connection.fileno(), READ, self._ready)

    def _ready(self, _: int) -> None:
        """Read the header, then hand the rest over to the journal's reader of lines."""
        try:
            data = self._connection.recv(1)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._head += data
        if not data or len(self._head) > _HEADER_LIMIT:
            self._loop.unwatch(self._connection.fileno())
            self._connection.close()
        elif self._head.count(b"\n") == _HEADER_LINES:
            self._loop.unwatch(self._connection.fileno())
            lines = self._head.decode("utf-8", "replace").split("\n")
            priority = int(lines[2]) & 7 if lines[2].isdigit() else INFO
            self._journal.take_stream(
                self._connection.detach(), self._unit, lines[0] or _name(self._pid), self._pid, priority
            )


def _fields(data: bytes) -> dict[str, str]:
    found = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals and line:
            if len(data) < 8:
                break
            length = int.from_bytes(data[:8], "little")
            value, data = data[8 : 8 + length], data[8 + length + 1 :]
        if name:
            found[name.decode("ascii", "replace")] = value.decode("utf-8", "replace")
    return found


def _name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "unknown"
