"""The door's sockets inside the cloud: a client's connection goes on from the client's address there."""

from __future__ import annotations

import errno
import os
import socket

from localcloud.dataplane.addresses import client_address

Key = tuple[str, str, int]  # "TCP" or "UDP", address, port
Client = tuple[str, int] | tuple[str, int, int, int]  # an IPv4 socket's address or an IPv6 one's

_IP_BIND_ADDRESS_NO_PORT = 24


def connect(client: Client, key: Key) -> socket.socket:
    """Begin a connection from the client's address in the cloud, with its own source port where that is free."""
    kind, address, port = key
    source = client_address(client[0])
    inner = socket.socket(
        socket.AF_INET6 if ":" in address else socket.AF_INET,
        socket.SOCK_STREAM if kind == "TCP" else socket.SOCK_DGRAM,
    )
    inner.setblocking(False)
    try:
        inner.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if kind == "TCP":
            inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            inner.bind((source, client[1]))
            result = inner.connect_ex((address, port))
        except OSError:
            result = errno.EADDRINUSE
        if result in {errno.EADDRINUSE, errno.EADDRNOTAVAIL}:
            # the same client port spoke to the same rule a moment ago and that connection is not forgotten yet
            inner.close()
            inner = socket.socket(inner.family, inner.type)
            inner.setblocking(False)
            inner.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            inner.bind((source, 0))
            result = inner.connect_ex((address, port))
    except OSError:
        inner.close()
        raise
    if result not in {0, errno.EINPROGRESS}:
        inner.close()
        raise OSError(result, os.strerror(result))
    return inner
