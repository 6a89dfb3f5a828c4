"""Filling an nftables map with many entries at once, by netlink: what `nft` would be told in a script that it has to parse.

One batch is one transaction and has to fit into the socket's send buffer, which an ordinary user may set to net.core.wmem_max (and
the kernel doubles): some 15,000 entries. A larger table takes several; nothing refers to it yet.
"""

from __future__ import annotations

import os
import socket
import struct
from array import array
from typing import TYPE_CHECKING

from localcloud.dataplane.kernel import KernelRefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NETLINK_NETFILTER = 12
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_SUBSYSTEM = 10  # nf_tables
_NEWSETELEM = _SUBSYSTEM << 8 | 12
_REQUEST, _ACK, _CREATE = 0x1, 0x4, 0x400
_NESTED, _NET_BYTEORDER = 0x8000, 0x4000
_IPV4, _IPV6 = 2, 10  # tables' families
_ELEM_LIST_TABLE, _ELEM_LIST_SET, _ELEM_LIST_ELEMENTS = 1, 2, 3
_LIST_ELEM = 1
_ELEM_KEY, _ELEM_DATA = 1, 2
_DATA_VALUE = 1
_WORDS = 7  # of one element: its header, key with header and value's header, data likewise
_ELEMENTS = 2300  # in one message: the length of its list has 16 bits
_WANTED_BUFFER = 1 << 23


def _attribute(kind: int, payload: bytes) -> bytes:
    length = 4 + len(payload)
    return struct.pack("=HH", length, kind) + payload + bytes(-length % 4)


def _header(
    length: int, kind: int, flags: int, *, sequence: int = 0, resource: int = 0, family: int = 0
) -> bytes:
    return struct.pack("=IHHII", length + 20, kind, flags, sequence, 0) + struct.pack(
        "=BBH", family, 0, socket.htons(resource)
    )


def _word(length: int, kind: int) -> int:
    return int(struct.unpack("=I", struct.pack("=HH", length, kind))[0])


# an element as 32-bit words; the key is the fourth, the data the seventh
_TEMPLATE = array("I", [
    _word(28, _LIST_ELEM | _NESTED), _word(12, _ELEM_KEY | _NESTED), _word(8, _DATA_VALUE), 0,
    _word(12, _ELEM_DATA | _NESTED), _word(8, _DATA_VALUE), 0,
])  # fmt: skip


def _message(family: int, table: str, name: str, first: int, marks: array[int]) -> bytes:
    words = _TEMPLATE * len(marks)
    words[3::_WORDS] = array("I", range(first, first + len(marks)))
    words[6::_WORDS] = marks
    body = (
        _attribute(_ELEM_LIST_TABLE, table.encode() + b"\0")
        + _attribute(_ELEM_LIST_SET, name.encode() + b"\0")
        + _attribute(_ELEM_LIST_ELEMENTS | _NESTED, words.tobytes())
    )
    flags = _REQUEST | _ACK | _CREATE
    return _header(len(body), _NEWSETELEM, flags, sequence=first + 1, family=family) + body


def fill(table: str, name: str, marks: Sequence[int], *, ipv6: bool = False) -> None:
    """Add 0: marks[0], 1: marks[1], ... to a map of this table, of IPv4 or IPv6, whose keys and data are 32-bit numbers.

    Raises KernelRefusedError.
    """
    values = array("I", marks)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _WANTED_BUFFER)
        room = sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) - 4096
        sock.bind((0, 0))
        messages = [
            _message(_IPV6 if ipv6 else _IPV4, table, name, start, values[start : start + _ELEMENTS])
            for start in range(0, len(values), _ELEMENTS)
        ]
        while messages:
            batch: list[bytes] = []
            size = 0
            while messages and (not batch or size + len(messages[0]) <= room):
                size += len(messages[0])
                batch.append(messages.pop(0))
            _commit(sock, batch)


def _commit(sock: socket.socket, messages: Sequence[bytes]) -> None:
    """Send these as one transaction and wait for the answer to each."""
    begin = _header(0, _BATCH_BEGIN, _REQUEST, resource=_SUBSYSTEM)
    end = _header(0, _BATCH_END, _REQUEST, resource=_SUBSYSTEM)
    sock.send(b"".join([begin, *messages, end]))
    answered = 0
    while answered < len(messages):
        data = sock.recv(1 << 16)
        while data:
            length, _, _, _, _, error = struct.unpack_from("=IHHIIi", data)
            if error:
                msg = f"netlink: the kernel refused table entries: {os.strerror(-error)}"
                raise KernelRefusedError(msg)
            answered += 1
            data = data[length + -length % 4 :]
