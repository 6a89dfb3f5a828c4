"""The seccomp filter that lets programs which install packages believe that they may give files away and become other users.

An instance has one user. Installing Debian's packages gives files to many, and daemons lay root's power down; the kernel refuses both
where one user is mapped. The filter answers those calls with success and does nothing: every file stays the instance's root's, and
so does every process. It takes nothing from the sandbox's walls, since what it allows never happens; those of `fence` are in it, too.

Sources: seccomp(2), `linux/filter.h`, `linux/audit.h`, and the kernel's system call tables of the two machines.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from localcloud.guest import fence
from localcloud.guest.fence import (
    ALLOW,
    AND,
    ARGUMENTS_AT,
    ERROR,
    JUMP_IF_EQUAL,
    LOAD,
    MACHINE_AT,
    NUMBER_AT,
    RETURN,
    step,
)

_SUCCEED = ERROR  # with error 0
_KIND, _CHARACTER_DEVICE, _BLOCK_DEVICE = 0xF000, 0x2000, 0x6000  # of a file's mode


@dataclass(frozen=True)
class _Calls:
    """A kind of machine's numbers of calls. `made`: those that make a node -> which argument is the mode."""

    pretended: tuple[int, ...]
    made: Mapping[int, int]


_MACHINES = {
    # chown, fchown, lchown, fchownat, setuid, setgid, setreuid, setregid, setgroups, setresuid, setresgid, setfsuid, setfsgid;
    # mknod and mknodat, which make pipes too
    "x86_64": _Calls((92, 93, 94, 260, 105, 106, 113, 114, 116, 117, 119, 122, 123), {133: 1, 259: 2}),
    # the same without chown, lchown and mknod, which arm64 does not have
    "aarch64": _Calls((55, 54, 146, 144, 145, 143, 159, 147, 149, 151, 152), {33: 2}),
}


class PretenceError(OSError):
    """This kind of machine has no filter here."""


def program(machine: str | None = None, *, fenced: bool = True) -> bytes:
    """Return the filter for a kind of machine (`uname -m`; this one unless said), as bubblewrap's `--seccomp` reads it.

    `fenced`: with the fence of `fence` before it, as for instances.

    Raises:
        PretenceError: neither x86_64 nor aarch64.
    """
    machine = machine or os.uname().machine
    if machine not in _MACHINES:
        msg = f"machine {machine}: root file systems of instances' own are there for x86_64 and aarch64; start without --system"
        raise PretenceError(msg)
    calls, known = _MACHINES[machine], fence.MACHINES[machine]
    unfenced = [
        step(LOAD, MACHINE_AT),
        step(JUMP_IF_EQUAL, known.audit, yes=1),  # another machine's calls have other numbers: left alone
        step(RETURN, ALLOW),
        step(LOAD, NUMBER_AT),
    ]
    steps = fence.steps(known) if fenced else unfenced
    for call in calls.pretended:
        steps += [step(JUMP_IF_EQUAL, call, no=1), step(RETURN, _SUCCEED)]
    for call, argument in calls.made.items():
        steps += [
            step(JUMP_IF_EQUAL, call, no=6),
            step(LOAD, ARGUMENTS_AT + 8 * argument),
            step(AND, _KIND),
            step(JUMP_IF_EQUAL, _CHARACTER_DEVICE, yes=1),
            step(JUMP_IF_EQUAL, _BLOCK_DEVICE, no=1),
            step(RETURN, _SUCCEED),
            step(RETURN, ALLOW),
        ]
    return b"".join([*steps, step(RETURN, ALLOW)])
