"""Transactions of nf_tables by netlink: what `nft` has no words for, and what it would take long to parse.

Numbers in attributes are in network order, those in registers (keys, data, what they are compared with) in the machine's. A
transaction has to fit into the socket's send buffer, which an ordinary user may set to net.core.wmem_max (and the kernel doubles).
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING

from localcloud.dataplane.kernel import KernelRefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NETLINK_NETFILTER = 12
_SOL_NETLINK, _NETLINK_CAP_ACK = 270, 10
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_SUBSYSTEM = 10  # nf_tables
_NEWRULE, _NEWSETELEM = _SUBSYSTEM << 8 | 6, _SUBSYSTEM << 8 | 12
_REQUEST, _ACK, _CREATE, _APPEND = 0x1, 0x4, 0x400, 0x800
_NESTED = 0x8000
_IPV4, _IPV6 = 2, 10  # tables' families
_RULE_TABLE, _RULE_CHAIN, _RULE_EXPRESSIONS = 1, 2, 4
_ELEM_LIST_TABLE, _ELEM_LIST_SET, _ELEM_LIST_ELEMENTS = 1, 2, 3
_LIST_ELEM = 1
_ELEM_KEY, _ELEM_DATA = 1, 2
_DATA_VALUE = 1
_EXPR_NAME, _EXPR_DATA = 1, 2
_LIST_BYTES = 60_000  # of elements in one message: the length of its list has 16 bits
_WANTED_BUFFER = 1 << 23


def attribute(kind: int, payload: bytes) -> bytes:
    """Return an attribute; its length and kind come first, and what follows it is aligned to four bytes."""
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def number(kind: int, value: int) -> bytes:
    """Return an attribute that is a number."""
    return attribute(kind, struct.pack(">I", value))


def text(kind: int, value: str) -> bytes:
    """Return an attribute that is a name."""
    return attribute(kind, value.encode() + b"\0")


def nested(kind: int, *attributes: bytes) -> bytes:
    """Return an attribute that consists of others."""
    return attribute(kind | _NESTED, b"".join(attributes))


def value(kind: int, content: bytes | int) -> bytes:
    """Return an attribute that is what a register holds: bytes, or a number of 32 bits."""
    return nested(
        kind,
        attribute(_DATA_VALUE, content if isinstance(content, bytes) else struct.pack("=I", content)),
    )


def expression(name: str, *attributes: bytes) -> bytes:
    """Return one step of a rule."""
    return nested(_LIST_ELEM, text(_EXPR_NAME, name), nested(_EXPR_DATA, *attributes))


def _header(length: int, kind: int, flags: int, *, resource: int = 0, family: int = 0) -> bytes:
    return struct.pack("=IHHII", length + 20, kind, flags, 0, 0) + struct.pack(
        "=BBH", family, 0, socket.htons(resource)
    )


def _message(kind: int, flags: int, body: bytes, *, ipv6: bool) -> bytes:
    family = _IPV6 if ipv6 else _IPV4
    return _header(len(body), kind, _REQUEST | _ACK | _CREATE | flags, family=family) + body


def rule(table: str, chain: str, expressions: Sequence[bytes], *, ipv6: bool = False) -> bytes:
    """Return the message that adds a rule to the end of a chain of this table, of IPv4 or IPv6."""
    body = text(_RULE_TABLE, table) + text(_RULE_CHAIN, chain) + nested(_RULE_EXPRESSIONS, *expressions)
    return _message(_NEWRULE, _APPEND, body, ipv6=ipv6)


def elements(
    table: str, name: str, entries: Sequence[tuple[int, bytes | int]], *, ipv6: bool = False
) -> list[bytes]:
    """Return the messages that add entries, of a number and data each, to a map of this table, of IPv4 or IPv6."""
    packed = [nested(_LIST_ELEM, value(_ELEM_KEY, key), value(_ELEM_DATA, data)) for key, data in entries]
    step = max(1, _LIST_BYTES // max(map(len, packed), default=1))
    names = text(_ELEM_LIST_TABLE, table) + text(_ELEM_LIST_SET, name)
    return [
        _message(
            _NEWSETELEM, 0, names + nested(_ELEM_LIST_ELEMENTS, *packed[start : start + step]), ipv6=ipv6
        )
        for start in range(0, len(packed), step)
    ]


def commit(messages: Sequence[bytes]) -> None:
    """Have the kernel carry these out as one transaction. Raises KernelRefusedError, and nothing has changed."""
    begin = _header(0, _BATCH_BEGIN, _REQUEST, resource=_SUBSYSTEM)
    end = _header(0, _BATCH_END, _REQUEST, resource=_SUBSYSTEM)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _WANTED_BUFFER)
        # an answer that repeats what was refused would not fit into the receive buffer
        sock.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        sock.bind((0, 0))
        sock.send(b"".join([begin, *messages, end]))
        answered = 0
        while answered < len(messages):
            data = sock.recv(1 << 16)
            while data:
                length, _, _, _, _, error = struct.unpack_from("=IHHIIi", data)
                if error:
                    msg = f"netlink: the kernel refused entries or rules of a table: {os.strerror(-error)}"
                    raise KernelRefusedError(msg)
                answered += 1
                data = data[length + -length % 4 :]
