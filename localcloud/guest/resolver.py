"""The name server of an instance's metadata server: Compute Engine's internal names of one network, and those of Google's APIs.

INSTANCE.ZONE.c.PROJECT.internal is an instance's address, and an address's pointer is that name; every other name does not exist, for
nothing leads out of the cloud. As on Compute Engine it is primary internal IPv4 addresses that have names: there are no AAAA records, and
no names in ip6.arpa. Queries are answered over UDP from what the store has at that moment; nothing is kept.
"""

from __future__ import annotations

import contextlib
import ipaddress
import struct
from typing import TYPE_CHECKING

from localcloud.guest.disk import METADATA_ADDRESS
from localcloud.guest.gate import Gate
from localcloud.plans.network import GOOGLE_ADDRESS

if TYPE_CHECKING:
    import socket

    from localcloud.guest.shares import Allowance
    from localcloud.plans.machine import MachineSpec
    from localcloud.store import Document, Store

PORT = 53
_HEADER = struct.Struct("!6H")
_A, _PTR, _ANY = 1, 12, 255
_INTERNET = 1
_RESPONSE, _AUTHORITATIVE, _RECURSES = 0x8000, 0x0400, 0x0080
_OPCODE, _WANTS_RECURSION = 0x7800, 0x0100
_FORMAT_ERROR, _NO_NAME, _NOT_IMPLEMENTED = 1, 3, 4
_LONGEST = 4096  # bytes of a query
_TTL = 30  # seconds, as Google's
_POINTER = b"\xc0\x0c"  # to the question's name
_GOOGLE = ("googleapis.com", "storage.cloud.google.com", "accounts.google.com")


class Names:
    """The names that one instance can look up."""

    def __init__(self, store: Store, spec: MachineSpec) -> None:
        self._store, self._spec = store, spec

    def address(self, name: str) -> str | None:
        """Return the address of a name (lower case, no final dot), or None if there is no such name."""
        if name == "metadata.google.internal":
            return METADATA_ADDRESS
        if any(name == each or name.endswith("." + each) for each in _GOOGLE):
            return GOOGLE_ADDRESS
        labels = name.split(".")
        if len(labels) != 5 or labels[2] != "c" or labels[4] != "internal":
            return None
        instance, zone, _, project, _ = labels
        document = self._store.get(f"compute/projects/{project}/zones/{zone}/instances/{instance}")
        return self._neighbour(document)

    def name(self, address: str) -> str | None:
        """Return the name of an instance's address, or None."""
        for key, document in self._store.scan("compute/projects/"):
            parts = key.split("/")
            if parts[-2] == "instances" and self._neighbour(document) == address:
                return f"{parts[6]}.{parts[4]}.c.{parts[2]}.internal"
        return None

    def _neighbour(self, document: Document | None) -> str | None:
        """Return the address of an instance that is in the same network."""
        own = self._store.get(self._spec.key)
        if document is None or own is None:
            return None
        interface, mine = document["networkInterfaces"][0], own["networkInterfaces"][0]
        same = interface["network"].partition("projects/")[2] == mine["network"].partition("projects/")[2]
        return str(interface["networkIP"]) if same else None


def answer(query: bytes, names: Names) -> bytes | None:
    """Return the answer to a query, or None for what is none."""
    if len(query) < _HEADER.size:
        return None
    number, flags, questions, *_ = _HEADER.unpack_from(query)
    if flags & _RESPONSE:
        return None
    said = _RESPONSE | _RECURSES | flags & (_OPCODE | _WANTS_RECURSION)
    if flags & _OPCODE or questions != 1:
        return _HEADER.pack(number, said | _NOT_IMPLEMENTED, 0, 0, 0, 0)
    try:
        name, end = _name(query, _HEADER.size)
        kind, cls = struct.unpack_from("!2H", query, end)
    except (struct.error, IndexError, UnicodeDecodeError):
        return _HEADER.pack(number, said | _FORMAT_ERROR, 0, 0, 0, 0)
    question = query[_HEADER.size : end + 4]
    exists, record = _look_up(name, kind, names) if cls in {_INTERNET, _ANY} else (False, b"")
    said |= _AUTHORITATIVE | (0 if exists else _NO_NAME)
    return _HEADER.pack(number, said, 1, 1 if record else 0, 0, 0) + question + record


def _look_up(name: str, kind: int, names: Names) -> tuple[bool, bytes]:
    """Return whether the name exists, and the record asked for if it has one of that kind."""
    if name.endswith(".in-addr.arpa"):
        address = ".".join(reversed(name.removesuffix(".in-addr.arpa").split(".")))
        pointed = names.name(address)
        if pointed is None:
            return False, b""
        return True, _record(_PTR, _encoded(pointed)) if kind in {_PTR, _ANY} else b""
    address_of = names.address(name)
    if address_of is None:
        return False, b""
    return True, _record(_A, ipaddress.IPv4Address(address_of).packed) if kind in {_A, _ANY} else b""


def _record(kind: int, data: bytes) -> bytes:
    return _POINTER + struct.pack("!2HIH", kind, _INTERNET, _TTL, len(data)) + data


def _encoded(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def _name(query: bytes, at: int) -> tuple[str, int]:
    """Return the name that begins there, in lower case, and where it ends. Raises IndexError, UnicodeDecodeError."""
    labels = []
    while (length := query[at]) != 0:
        if length > 63 or at + 1 + length >= len(query):  # pointers are for answers
            raise IndexError
        labels.append(query[at + 1 : at + 1 + length].decode("ascii").lower())
        at += 1 + length
    return ".".join(labels), at + 1


class Resolver:
    """Answers on one socket, made in the instance's network namespace."""

    def __init__(self, names: Names, allowance: Allowance) -> None:
        self._names, self._allowance = names, allowance
        self._gate: Gate | None = None

    def serve(self, sock: socket.socket) -> None:
        """Begin to answer on a bound socket, which is the resolver's own from now on."""
        self._gate = Gate(sock, self._answer, self._allowance)

    def _answer(self, sock: socket.socket) -> None:
        query, whose = sock.recvfrom(_LONGEST)
        reply = answer(query, self._names)
        if reply is not None:
            with contextlib.suppress(OSError):
                sock.sendto(reply, whose)

    async def close(self) -> None:
        """Answer no more; the socket is closed."""
        if self._gate is not None:
            self._gate.close()
            self._gate = None
