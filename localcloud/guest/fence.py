"""A seccomp filter with what no namespace keeps an instance from: it refuses what leads out of the sandbox, or takes from its user.

- Sockets of families that network namespaces do not hold: AF_VSOCK leads to whatever runs this machine, where that is a virtual one.
  All but those that instances use are refused (EAFNOSUPPORT), as by a kernel without them.
- Keys of the kernel: their number is the user's, wherever they are made (EPERM).
- io_uring, whose operations pass by every filter, and make sockets too (EPERM; programs go on without it).
- Calls of another kind of machine (32 bits, x32), which would be the same ones by other numbers (ENOSYS).

Sources: seccomp(2), `linux/filter.h`, `linux/audit.h`, the kernel's system call tables; Docker's default profile refuses much the same.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from dataclasses import dataclass

LOAD, AND, JUMP_IF_EQUAL, JUMP_IF_GREATER, RETURN = 0x20, 0x54, 0x15, 0x25, 0x06
ALLOW, ERROR = (
    0x7FFF0000,
    0x00050000,
)  # SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO, to which the error's number is added
NUMBER_AT, MACHINE_AT, ARGUMENTS_AT = (
    0,
    4,
    16,
)  # in struct seccomp_data; arguments have 8 bytes, the low ones first
_LARGEST_NUMBER = 0x3FFFFFFF  # x32's numbers are above
_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET)


@dataclass(frozen=True)
class Machine:
    """A kind of machine: what the kernel calls it, and the numbers of its calls."""

    audit: int
    socket: int
    socketpair: int
    refused: tuple[int, ...]


MACHINES = {
    # add_key, request_key, keyctl; io_uring_setup, io_uring_enter, io_uring_register
    "x86_64": Machine(0xC000003E, 41, 53, (248, 249, 250, 425, 426, 427)),
    "aarch64": Machine(0xC00000B7, 198, 199, (217, 218, 219, 425, 426, 427)),
}


def step(code: int, operand: int, *, yes: int = 0, no: int = 0) -> bytes:
    """Return one instruction; `yes` and `no` are how many follow that are passed over."""
    return struct.pack("=HBBI", code, yes, no, operand)


def steps(machine: Machine) -> list[bytes]:
    """Return what comes first in a filter: what is not refused by it goes on behind, with the call's number loaded."""
    found = [
        step(LOAD, MACHINE_AT),
        step(JUMP_IF_EQUAL, machine.audit, yes=1),
        step(RETURN, ERROR + errno.ENOSYS),
        step(LOAD, NUMBER_AT),
        step(JUMP_IF_GREATER, _LARGEST_NUMBER, no=1),
        step(RETURN, ERROR + errno.ENOSYS),
    ]
    for call in machine.refused:
        found += [step(JUMP_IF_EQUAL, call, no=1), step(RETURN, ERROR + errno.EPERM)]
    for call in (machine.socket, machine.socketpair):
        found += [step(JUMP_IF_EQUAL, call, no=len(_FAMILIES) + 3), step(LOAD, ARGUMENTS_AT)]
        for left, family in zip(range(len(_FAMILIES), 0, -1), _FAMILIES, strict=True):
            found.append(step(JUMP_IF_EQUAL, family, yes=left))
        found += [step(RETURN, ERROR + errno.EAFNOSUPPORT), step(RETURN, ALLOW)]
    return found


def program(machine: str | None = None) -> bytes | None:
    """Return the filter for a kind of machine (`uname -m`; this one unless said), as bubblewrap's `--seccomp` reads it.

    None where neither x86_64 nor aarch64: instances do without it.
    """
    known = MACHINES.get(machine or os.uname().machine)
    return None if known is None else b"".join([*steps(known), step(RETURN, ALLOW)])


def descriptor(code: bytes) -> int:
    """Return a new descriptor to read a filter from."""
    made = os.memfd_create("filter")
    os.write(made, code)
    os.lseek(made, 0, os.SEEK_SET)
    return made
