"""Lets programs that install packages believe that they may give files away and become other users.

An instance has one user. Installing Debian's packages gives files to many, and daemons lay root's power down; the kernel refuses both
where one user is mapped. A seccomp filter answers those calls with success and does nothing: every file stays the instance's root's, and
so does every process. It takes nothing from the sandbox's walls, since what it allows never happens.

Sources: seccomp(2), `linux/filter.h`, `linux/audit.h`, and the kernel's system call tables of the two machines.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass

_LOAD, _AND, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06
_ALLOW, _SUCCEED = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with error 0
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = (
    0,
    4,
    16,
)  # in struct seccomp_data; each argument has 8 bytes, the low ones first
_KIND, _CHARACTER_DEVICE, _BLOCK_DEVICE = 0xF000, 0x2000, 0x6000  # of a file's mode


@dataclass(frozen=True)
class _Calls:
    """A kind of machine's numbers: `made`: those that make a node -> which argument is the mode."""

    audit: int
    pretended: tuple[int, ...]
    made: Mapping[int, int]


_MACHINES = {
    # chown, fchown, lchown, fchownat, setuid, setgid, setreuid, setregid, setgroups, setresuid, setresgid, setfsuid, setfsgid;
    # mknod and mknodat, which make pipes too
    "x86_64": _Calls(
        0xC000003E, (92, 93, 94, 260, 105, 106, 113, 114, 116, 117, 119, 122, 123), {133: 1, 259: 2}
    ),
    # the same without chown, lchown and mknod, which arm64 does not have
    "aarch64": _Calls(0xC00000B7, (55, 54, 146, 144, 145, 143, 159, 147, 149, 151, 152), {33: 2}),
}


class PretenceError(OSError):
    """This kind of machine has no filter here."""


def program(machine: str | None = None) -> bytes:
    """Return the filter for a kind of machine (`uname -m`; this one unless said), as bubblewrap's `--seccomp` reads it.

    Raises:
        PretenceError: neither x86_64 nor aarch64.
    """
    machine = machine or os.uname().machine
    if machine not in _MACHINES:
        msg = f"machine {machine}: root file systems of instances' own are there for x86_64 and aarch64; start without --system"
        raise PretenceError(msg)
    calls = _MACHINES[machine]
    steps = [
        _step(_LOAD, _MACHINE_AT),
        _step(
            _JUMP_IF_EQUAL, calls.audit, yes=1
        ),  # another machine's calls have other numbers: leave them alone
        _step(_RETURN, _ALLOW),
        _step(_LOAD, _NUMBER_AT),
    ]
    for call in calls.pretended:
        steps += [_step(_JUMP_IF_EQUAL, call, no=1), _step(_RETURN, _SUCCEED)]
    for call, argument in calls.made.items():
        steps += [
            _step(_JUMP_IF_EQUAL, call, no=6),
            _step(_LOAD, _ARGUMENTS_AT + 8 * argument),
            _step(_AND, _KIND),
            _step(_JUMP_IF_EQUAL, _CHARACTER_DEVICE, yes=1),
            _step(_JUMP_IF_EQUAL, _BLOCK_DEVICE, no=1),
            _step(_RETURN, _SUCCEED),
            _step(_RETURN, _ALLOW),
        ]
    return b"".join([*steps, _step(_RETURN, _ALLOW)])


def descriptor() -> int:
    """Return a new descriptor to read the program from."""
    made = os.memfd_create("pretence")
    os.write(made, program())
    os.lseek(made, 0, os.SEEK_SET)
    return made


def _step(code: int, operand: int, *, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, operand)
