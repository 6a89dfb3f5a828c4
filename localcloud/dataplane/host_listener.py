"""The door's sockets on the host: where clients on this machine find a forwarding rule."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.dataplane.inner_socket import Key

Place = tuple[str, int]  # address and port on the host
_BACKLOG = 4096
_HOST_IPV6 = "::1"


def listen(key: Key) -> socket.socket:
    """Listen at a rule's own address and port; at ::1 for an IPv6 rule, on another port if its own is taken. Raises OSError."""
    kind, address, port = key
    if ":" not in address:
        return _bound(socket.AF_INET, kind, address, port)
    try:
        return _bound(socket.AF_INET6, kind, _HOST_IPV6, port)
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
    return _bound(socket.AF_INET6, kind, _HOST_IPV6, 0)


def _bound(family: socket.AddressFamily, kind: str, address: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM if kind == "TCP" else socket.SOCK_DGRAM)
    try:
        if kind == "TCP":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        if kind == "TCP":
            listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def explain(key: Key, error: OSError) -> str:
    """Say why a rule cannot be reached from this machine, and what mends it."""
    kind, address, port = key
    if ":" in address:
        return (
            f"cannot listen on [{_HOST_IPV6}] ({kind}) on this machine: {error.strerror}; the rule is reachable from other instances and "
            "by localcloud client, but not otherwise from this machine: run sudo sysctl net.ipv6.conf.lo.disable_ipv6=0 and start the "
            "local cloud again"
        )
    words = f"cannot listen on {address}:{port} ({kind}) on this machine: {error.strerror}"
    if isinstance(error, PermissionError):
        return (
            f"{words}; ports below net.ipv4.ip_unprivileged_port_start need privileges: use a port of 1024 or more, or run "
            f"sudo sysctl net.ipv4.ip_unprivileged_port_start={port}"
        )
    return f"{words}; another program may have it"
