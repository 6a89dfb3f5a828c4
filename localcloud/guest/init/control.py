"""The host's way in: says when the machine is up, runs commands for `localcloud ssh`, and shuts the machine down."""

from __future__ import annotations

import os
import signal

from . import process, wire
from .channel import Channel, accept_on
from .loop import HANGUP, READ, WRITE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .loop import Loop

_INPUT_LIMIT = 256 << 10  # bytes of input a command may be behind with before its client has to wait


class Control:
    """Serves the control socket. `shut_down` begins an orderly power-off."""

    def __init__(self, loop: Loop, listener: socket.socket, boot: str, shut_down: Callable[[], None]) -> None:
        self.loop, self.boot, self.shut_down = loop, boot, shut_down
        accept_on(loop, listener, self._taken)

    def _taken(self, connection: socket.socket) -> None:
        Session(self, connection)


class Session:
    """One connection from the host: a greeting, a shutdown, or one command with its input and output."""

    def __init__(self, control: Control, connection: socket.socket) -> None:
        self._control, self._loop = control, control.loop
        self._frames = wire.FrameReader()
        self._channel = Channel(self._loop, connection, self._received, self._hung_up)
        self._channel.drained = self._resume
        self._pid = 0
        self._status: int | None = None
        self._terminal = -1
        self._sources: dict[int, bytes] = {}  # descriptor -> kind of frame for what it says
        self._held: set[int] = set()
        self._input_fd = -1
        self._input = bytearray()
        self._input_ended = False

    def _received(self, data: bytes) -> None:
        try:
            for kind, payload in self._frames.feed(data):
                self._handle(kind, payload)
        except (wire.ProtocolError, ValueError, KeyError, TypeError) as error:
            self._channel.send(wire.frame(wire.FAILURE, str(error).encode()[: wire.LIMIT]))
            self._channel.finish()

    def _handle(self, kind: bytes, payload: bytes) -> None:
        if kind == wire.HELLO:
            self._channel.send(wire.frame(wire.READY, self._control.boot.encode()))
        elif kind == wire.SHUTDOWN:
            self._channel.send(wire.frame(wire.READY, self._control.boot.encode()))
            self._control.shut_down()
        elif kind == wire.EXEC and not self._pid:
            self._execute(payload)
        elif kind == wire.INPUT:
            self._take_input(payload)
        elif kind == wire.WINDOW:
            rows, columns = payload.split()
            self._resize(int(rows), int(columns))

    def _execute(self, payload: bytes) -> None:
        import json

        request = json.loads(payload)
        argv = [str(word) for word in request["argv"]]
        env = {
            "PATH": process.PATH,
            "HOME": "/root",
            "USER": "root",
            "LOGNAME": "root",
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
        }
        env.update({str(name): str(value) for name, value in request.get("env", {}).items()})
        child: list[int] = []
        if request.get("tty"):
            self._terminal, inner = os.openpty()
            self._resize(int(request.get("rows", 24)), int(request.get("columns", 80)))
            child = [inner, inner, inner]
            self._source(self._terminal, wire.OUTPUT)
            self._input_fd = os.dup(self._terminal)
        else:
            for kind in (wire.OUTPUT, wire.ERRORS):
                reading, writing = os.pipe()
                self._source(reading, kind)
                child.append(writing)
            reading, self._input_fd = os.pipe()
            child.insert(0, reading)
        os.set_blocking(self._input_fd, False)
        try:
            self._pid = process.spawn(
                argv,
                env,
                files=(child[0], child[1], child[2]),
                cwd="/root",
                terminal=bool(request.get("tty")),
            )
        except process.SpawnError as error:
            self._channel.send(wire.frame(wire.FAILURE, str(error).encode()))
            self._channel.finish()
            return
        finally:
            for fd in set(child):
                os.close(fd)
        self._loop.on_exit(self._pid, self._ended)

    def _source(self, fd: int, kind: bytes) -> None:
        os.set_blocking(fd, False)
        self._sources[fd] = kind
        self._loop.watch(fd, READ, lambda events: self._forward(fd, events))

    def _forward(self, fd: int, _events: int) -> None:
        if self._channel.full:
            self._held.add(fd)
            self._loop.modify(fd, 0)
            return
        try:
            data = os.read(fd, 32768)
        except BlockingIOError:
            return
        except OSError:  # a terminal whose last user has left
            data = b""
        if data:
            self._channel.send(wire.frame(self._sources[fd], data))
        else:
            self._close_source(fd)
            self._maybe_done()

    def _close_source(self, fd: int) -> None:
        self._sources.pop(fd, None)
        self._held.discard(fd)
        self._loop.unwatch(fd)
        os.close(fd)

    def _resume(self) -> None:
        held, self._held = self._held, set()
        for fd in held:
            self._loop.modify(fd, READ)

    def _take_input(self, payload: bytes) -> None:
        if self._input_fd < 0:
            return
        self._input += payload
        self._input_ended = self._input_ended or not payload
        self._write_input()

    def _write_input(self) -> None:
        try:
            while self._input:
                del self._input[: os.write(self._input_fd, self._input[:32768])]
        except BlockingIOError:
            if self._input_fd not in self._sources:
                self._loop.unwatch(self._input_fd)
                self._loop.watch(self._input_fd, WRITE, self._input_ready)
        except OSError:
            self._close_input()
            return
        self._channel.pause(reading=len(self._input) <= _INPUT_LIMIT)
        if not self._input:
            self._loop.unwatch(self._input_fd)
            if self._input_ended:
                if self._terminal >= 0:
                    self._input_ended = False
                    self._input += b"\x04"  # end of file, as a terminal types it
                    self._write_input()
                else:
                    self._close_input()

    def _input_ready(self, events: int) -> None:
        if events & HANGUP:
            self._close_input()
        else:
            self._write_input()

    def _close_input(self) -> None:
        if self._input_fd >= 0:
            self._loop.unwatch(self._input_fd)
            os.close(self._input_fd)
            self._input_fd = -1
            self._input.clear()
            self._channel.pause(reading=True)

    def _resize(self, rows: int, columns: int) -> None:
        if self._terminal >= 0:
            import fcntl
            import termios

            size = b"".join(
                max(0, min(number, 9999)).to_bytes(2, "little") for number in (rows, columns, 0, 0)
            )
            fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, size)

    def _ended(self, status: int) -> None:
        self._status = status
        for fd in tuple(
            self._sources
        ):  # what is written by now is passed on; what background children say later is not waited for
            self._loop.modify(fd, READ)
            while fd in self._sources:
                try:
                    data = os.read(fd, 32768)
                except OSError:
                    break
                if not data:
                    self._close_source(fd)
                    break
                self._channel.send(wire.frame(self._sources[fd], data))
        self._maybe_done()

    def _maybe_done(self) -> None:
        if self._status is None:
            return
        code = os.waitstatus_to_exitcode(self._status)
        self._channel.send(wire.frame(wire.EXIT, str(code if code >= 0 else 128 - code).encode()))
        self._channel.finish()

    def _hung_up(self) -> None:
        for fd in tuple(self._sources):
            self._close_source(fd)
        self._close_input()
        if self._pid and self._status is None:
            try:
                os.killpg(self._pid, signal.SIGHUP)
            except ProcessLookupError:
                pass
