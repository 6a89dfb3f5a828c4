"""Datagrams that come with who sent them."""

from __future__ import annotations

import os
import socket
import struct

_CREDENTIALS = struct.calcsize("3i")
_ANCILLARY = 512  # bytes


def receive(listener: socket.socket, limit: int = 1 << 18) -> tuple[bytes, int]:
    """Return a datagram and its sender's pid, 0 if that is not known.

    Files that come with one are closed: whoever sends one waits for just that (sd_notify_barrier(3)), and nothing is read from a file
    that its sender could hold back.

    Raises:
        OSError: there is none.
    """
    data, ancillary, _flags, _address = listener.recvmsg(limit, _ANCILLARY, socket.MSG_CMSG_CLOEXEC)
    pid = 0
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            pid = struct.unpack("3i", payload[:_CREDENTIALS])[0]
        elif level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            for fd in struct.unpack(f"{len(payload) // 4}i", payload[: len(payload) // 4 * 4]):
                os.close(fd)
    return data, pid
