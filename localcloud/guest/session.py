"""The host's side of an instance's control socket: runs commands in it, and asks it to shut down.

Whatever comes from the instance is taken for bytes of an enemy: bounded, and never more than output, an exit status or a message.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import selectors
import signal
import socket
import struct
import sys
import termios
import threading
import tty as terminal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.guest import serial_port
from localcloud.guest.init import wire

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

SOCKET = "control.sock"
OUTPUT_LIMIT = 64 << 20  # bytes that `run` keeps of each stream


class SessionError(Exception):
    """The instance cannot be talked to, or could not run the command; the message says which."""


@dataclass(frozen=True, kw_only=True)
class Completed:
    """A command that has ended. `exit_status` as a shell gives it: 128 + the signal's number if it was killed by one."""

    exit_status: int
    stdout: bytes
    stderr: bytes


class GuestSession:
    """Runs commands on the instance with this folder (``Home.instance(id)``), as root, in root's home."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        tty: bool = False,
        timeout: float | None = None,
    ) -> Completed:
        """Run a command and return what it printed.

        Raises:
            SessionError: the instance is not up, or cannot execute the command.
            TimeoutError: nothing was heard from it for `timeout` real seconds.
        """
        outputs = {wire.OUTPUT: bytearray(), wire.ERRORS: bytearray()}
        with connect(self._folder) as connection:
            connection.settimeout(timeout)
            _send_exec(connection, argv, env, tty=tty)
            sender = threading.Thread(
                target=_send_input, args=(connection, stdin), kwargs={"end": not tty}, daemon=True
            )
            sender.start()
            for kind, payload in _frames(connection):
                if kind in outputs and len(outputs[kind]) < OUTPUT_LIMIT:
                    outputs[kind] += payload
                elif kind == wire.EXIT:
                    status = _status(payload)
                    return Completed(
                        exit_status=status,
                        stdout=bytes(outputs[wire.OUTPUT]),
                        stderr=bytes(outputs[wire.ERRORS]),
                    )
        msg = "the instance ended the connection before the command had ended"
        raise SessionError(msg)

    def attach(self, argv: Sequence[str], *, tty: bool) -> int:
        """Run a command on this process's own input and output, with a terminal if asked; returns its exit status.

        Raises:
            SessionError: the instance is not up, or cannot execute the command, or went away.
        """
        env = {"TERM": os.environ.get("TERM", "dumb")} if tty else None
        with connect(self._folder) as connection, _raw_terminal(on=tty), _window_changes(connection, on=tty):
            _send_exec(connection, argv, env, tty=tty)
            return _relay(connection)

    def serial_output(self) -> bytes:
        """Return the last megabyte of what the instance wrote to its serial port."""
        return serial_port.read(self._folder).contents


def connect(folder: Path) -> socket.socket:
    """Connect to an instance's control socket, however long its path is.

    Raises:
        SessionError: there is nobody to talk to.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        at = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        try:
            connection.connect(f"/proc/self/fd/{at}/{SOCKET}")
        finally:
            os.close(at)
    except OSError as error:
        connection.close()
        if error.errno in {errno.ENOENT, errno.ECONNREFUSED}:
            msg = f"instance {folder.name} is not running"
        else:
            msg = f"instance {folder.name} cannot be reached: {error.strerror}"
        raise SessionError(msg) from None
    return connection


def listen(folder: Path) -> socket.socket:
    """Make an instance's control socket, to be handed to its init."""
    (folder / SOCKET).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    at = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        listener.bind(f"/proc/self/fd/{at}/{SOCKET}")
    finally:
        os.close(at)
    (folder / SOCKET).chmod(0o600)
    listener.listen(64)
    return listener


def _send_exec(
    connection: socket.socket, argv: Sequence[str], env: Mapping[str, str] | None, *, tty: bool
) -> None:
    request: dict[str, object] = {"argv": list(argv), "env": dict(env or {}), "tty": tty}
    if tty:
        request["rows"], request["columns"] = _window()
    payload = json.dumps(request).encode()
    if len(payload) > wire.LIMIT:
        msg = f"command of {len(payload)} bytes: at most {wire.LIMIT} can be sent; put it into a file on the instance"
        raise SessionError(msg)
    connection.sendall(wire.frame(wire.EXEC, payload))


def _send_input(connection: socket.socket, data: bytes, *, end: bool) -> None:
    with contextlib.suppress(OSError):  # a command may well end before it has read everything
        for start in range(0, len(data), wire.LIMIT):
            connection.sendall(wire.frame(wire.INPUT, data[start : start + wire.LIMIT]))
        if end:
            connection.sendall(wire.frame(wire.INPUT))


def _frames(connection: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    reader = wire.FrameReader()
    try:
        while data := connection.recv(65536):
            for kind, payload in reader.feed(data):
                if kind == wire.FAILURE:
                    raise SessionError(payload.decode(errors="replace")[:1000])
                yield kind, payload
    except ConnectionResetError:
        return  # it closed the connection before it had read all it was sent: an end like any other
    except wire.ProtocolError as error:
        msg = f"the instance broke off: {error}"
        raise SessionError(msg) from None


def _status(payload: bytes) -> int:
    return int(payload) & 0xFF if payload.isdigit() and len(payload) < 6 else 255


def _relay(connection: socket.socket) -> int:
    reader = wire.FrameReader()
    outputs = {wire.OUTPUT: sys.stdout.fileno(), wire.ERRORS: sys.stderr.fileno()}
    given = sys.stdin.fileno()
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        with contextlib.suppress(PermissionError):  # a regular file is always ready, and not to be waited for
            selector.register(given, selectors.EVENT_READ)
        if given not in selector.get_map():
            _send_file(connection, given)
        while True:
            for key, _ in selector.select():
                if key.fd == given:
                    data = os.read(given, wire.LIMIT // 2)
                    connection.sendall(wire.frame(wire.INPUT, data))
                    if not data:
                        selector.unregister(given)
                    continue
                data = connection.recv(65536)
                if not data:
                    msg = "the instance went away"
                    raise SessionError(msg)
                for kind, payload in _feed(reader, data):
                    if kind in outputs:
                        _write_all(outputs[kind], payload)
                    elif kind == wire.EXIT:
                        return _status(payload)
                    elif kind == wire.FAILURE:
                        raise SessionError(payload.decode(errors="replace")[:1000])


def _feed(reader: wire.FrameReader, data: bytes) -> list[tuple[bytes, bytes]]:
    try:
        return reader.feed(data)
    except wire.ProtocolError as error:
        raise SessionError(str(error)) from None


def _send_file(connection: socket.socket, given: int) -> None:
    while data := os.read(given, wire.LIMIT // 2):
        connection.sendall(wire.frame(wire.INPUT, data))
    connection.sendall(wire.frame(wire.INPUT))


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _window() -> tuple[int, int]:
    try:
        rows, columns, _, _ = struct.unpack(
            "HHHH", fcntl.ioctl(sys.stdin.fileno(), termios.TIOCGWINSZ, b"\0" * 8)
        )
    except (OSError, ValueError):
        return 24, 80
    return (rows, columns) if rows and columns else (24, 80)


@contextlib.contextmanager
def _raw_terminal(*, on: bool) -> Iterator[None]:
    if not on:
        yield
        return
    given = sys.stdin.fileno()
    before = termios.tcgetattr(given)
    terminal.setraw(given)
    try:
        yield
    finally:
        termios.tcsetattr(given, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _window_changes(connection: socket.socket, *, on: bool) -> Iterator[None]:
    if not on:
        yield
        return

    def tell(_number: int, _frame: object) -> None:
        rows, columns = _window()
        connection.sendall(wire.frame(wire.WINDOW, b"%d %d" % (rows, columns)))

    before = signal.signal(signal.SIGWINCH, tell)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
