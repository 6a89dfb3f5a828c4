"""Messages between the daemon and its helpers in the world: JSON objects with file descriptors, over a unix stream socket.

A message is a header (length of the body, number of descriptors) and a JSON body. The descriptors travel with the header's first
byte; the kernel never merges bytes across them, so they have arrived when the header has.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Message = dict[str, Any]

_HEADER = struct.Struct("!IH")
_READ = 1 << 18
MAX_DESCRIPTORS = 250  # the kernel's limit for one message is 253


def encode(message: Message, descriptors: int = 0) -> bytes:
    """Render a message with its header."""
    if descriptors > MAX_DESCRIPTORS:
        msg = f"{descriptors} descriptors in one message: at most {MAX_DESCRIPTORS}; send them in parts"
        raise ValueError(msg)
    body = json.dumps(message, separators=(",", ":")).encode()
    return _HEADER.pack(len(body), descriptors) + body


class Assembler:
    """Puts messages together from what `recvmsg` brings."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._descriptors: list[int] = []

    def receive(self, sock: socket.socket) -> bool:
        """Read once from the socket (one blocking or non-blocking recvmsg); return False at the end of the stream."""
        data, descriptors, _, _ = socket.recv_fds(sock, _READ, MAX_DESCRIPTORS)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        self._descriptors += descriptors
        self._bytes += data
        return bool(data)

    def pop(self) -> tuple[Message, list[int]] | None:
        """Return the next complete message and its descriptors (now the caller's to close), or None."""
        if len(self._bytes) < _HEADER.size:
            return None
        length, count = _HEADER.unpack_from(self._bytes)
        end = _HEADER.size + length
        if len(self._bytes) < end:
            return None
        body = bytes(self._bytes[_HEADER.size : end])
        del self._bytes[:end]
        descriptors, self._descriptors = self._descriptors[:count], self._descriptors[count:]
        message: Message = json.loads(body)
        return message, descriptors


def send(sock: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Send one message on a blocking socket."""
    data = encode(message, len(descriptors))
    sent = socket.send_fds(sock, [data], list(descriptors)) if descriptors else sock.send(data)
    if sent < len(data):
        sock.sendall(data[sent:])


def receive(sock: socket.socket) -> tuple[Message, list[int]] | None:
    """Wait for one message on a blocking socket that has no other: it and its descriptors (the caller's to close); None at the end."""
    assembler = Assembler()
    while (item := assembler.pop()) is None:
        if not assembler.receive(sock):
            return None
    return item


class Channel:
    """The daemon's end: messages in and out without blocking its event loop."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._assembler = Assembler()
        self._turn = asyncio.Lock()
        self._awaited: asyncio.Future[None] | None = None

    def close(self) -> None:
        """Close the connection: the helper sees its end, and whoever waits for a message here gets EOFError."""
        if self._sock.fileno() < 0:
            return
        if self._awaited is not None:
            # before closing: the loop would take the descriptor's next owner for this one
            asyncio.get_running_loop().remove_reader(self._sock)
            if not self._awaited.done():
                self._awaited.set_result(None)
        self._sock.close()

    async def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Send one message. The descriptors stay the caller's. Raises ConnectionError when the helper is gone."""
        if self._sock.fileno() < 0:  # whoever read from it has noticed its end first
            msg = "the connection to the helper was closed"
            raise ConnectionResetError(msg)
        data = encode(message, len(descriptors))
        loop = asyncio.get_running_loop()
        sent = 0
        if descriptors:
            sent = socket.send_fds(self._sock, [data[:1]], list(descriptors))
        await loop.sock_sendall(self._sock, data[sent:])

    async def receive(self) -> tuple[Message, list[int]]:
        """Return the next message and its descriptors (the caller's to close). Raises EOFError when the helper is gone."""
        while (item := self._assembler.pop()) is None:
            await self._readable()
            try:
                alive = self._assembler.receive(self._sock)
            except BlockingIOError:
                continue
            except ConnectionError:
                alive = False
            if not alive:
                msg = "the helper closed its connection"
                raise EOFError(msg)
        return item

    async def call(self, message: Message, descriptors: Sequence[int] = ()) -> tuple[Message, list[int]]:
        """Send a request and return its answer; calls take turns. Raises HelperError in the helper's words, EOFError if it is gone.

        A call that has begun is finished even if its caller is cancelled: its answer must not reach the next one.
        """
        task = asyncio.ensure_future(self._call(message, descriptors))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_discard)
            raise

    async def _call(self, message: Message, descriptors: Sequence[int]) -> tuple[Message, list[int]]:
        async with self._turn:
            try:
                await self.send(message, descriptors)
            except ConnectionError as error:
                msg = "the helper closed its connection"
                raise EOFError(msg) from error
            answer, received = await self.receive()
        if "error" in answer:
            for descriptor in received:
                os.close(descriptor)
            raise HelperError(str(answer["error"]))
        return answer, received

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        if self._sock.fileno() >= 0:
            ready: asyncio.Future[None] = loop.create_future()
            self._awaited = ready
            loop.add_reader(self._sock, lambda: None if ready.done() else ready.set_result(None))
            try:
                await ready
            finally:
                self._awaited = None
                if self._sock.fileno() >= 0:
                    loop.remove_reader(self._sock)
        if self._sock.fileno() < 0:
            msg = "the connection to the helper was closed"
            raise EOFError(msg)


class HelperError(RuntimeError):
    """A helper in the world could not do what it was asked; the message says what and why."""


def _discard(task: asyncio.Task[tuple[Message, list[int]]]) -> None:
    if not task.cancelled() and task.exception() is None:
        for descriptor in task.result()[1]:
            os.close(descriptor)


def bind_unix(path: Path) -> socket.socket:
    """Listen on a unix socket whose path may be longer than the 108 bytes an address holds. Replaces what is there."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            listener.bind(f"/proc/self/fd/{directory}/{path.name}")
        finally:
            os.umask(mask)
        listener.listen(16)
        return listener
    finally:
        os.close(directory)


def connect_unix(path: Path) -> socket.socket:
    """Connect to a unix socket, however long its path. Raises OSError."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect(f"/proc/self/fd/{directory}/{path.name}")
    except OSError:
        sock.close()
        raise
    finally:
        os.close(directory)
    return sock
