"""The filters of system calls decide as they are meant to, on each kind of machine: tried by an interpreter of their own language."""

from __future__ import annotations

import errno
import struct

import pytest

from localcloud.guest import fence, pretence

ALLOWED, PRETENDED = -1, 0
I386, ARM = 0x40000003, 0x40000028
SOCKETS = {"x86_64": (41, 53), "aarch64": (198, 199)}
KEYS_AND_RINGS = {"x86_64": (248, 249, 250, 425, 426, 427), "aarch64": (217, 218, 219, 425, 426, 427)}
CHOWN, MKNOD = {"x86_64": 92, "aarch64": 54}, {"x86_64": (259, 2), "aarch64": (33, 2)}
USED, UNUSED = (1, 2, 10, 16), (0, 15, 30, 38, 40, 44)  # socket families


def decide(code: bytes, number: int, audit: int, *arguments: int) -> int:
    """Return what a filter does with a call: `ALLOWED`, or the error that it answers with."""
    data = struct.pack("=iIQ6Q", number, audit, 0, *(arguments + (0,) * 6)[:6])
    instructions = list(struct.iter_unpack("=HBBI", code))
    value = at = 0
    while True:
        operation, yes, no, operand = instructions[at]
        at += 1
        if operation == fence.LOAD:
            (value,) = struct.unpack_from("=I", data, operand)
        elif operation == fence.AND:
            value &= operand
        elif operation == fence.JUMP_IF_EQUAL:
            at += yes if value == operand else no
        elif operation == fence.JUMP_IF_GREATER:
            at += yes if value > operand else no
        else:
            assert operation == fence.RETURN
            return ALLOWED if operand == fence.ALLOW else operand - fence.ERROR


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("pretending", [False, True])
def test_fence_refuses_what_leads_out_and_nothing_else(machine: str, *, pretending: bool) -> None:
    code = pretence.program(machine) if pretending else fence.program(machine)
    assert code is not None
    audit = fence.MACHINES[machine].audit
    for call in SOCKETS[machine]:
        assert {decide(code, call, audit, family, 1) for family in USED} == {ALLOWED}
        assert {decide(code, call, audit, family, 1) for family in UNUSED} == {errno.EAFNOSUPPORT}
    refused = {decide(code, call, audit, 1) for call in KEYS_AND_RINGS[machine]}
    assert refused == {errno.EPERM}
    for other in (I386, ARM):
        assert decide(code, 359, other, 40) == errno.ENOSYS, "calls by other numbers would be the same calls"
    assert decide(code, 0x40000000 | SOCKETS[machine][0], audit, 40) == errno.ENOSYS
    others = set(range(450)) - {*SOCKETS[machine], *KEYS_AND_RINGS[machine]}
    decided = {call: decide(code, call, audit) for call in others}
    assert {call for call, what in decided.items() if what not in {ALLOWED, PRETENDED}} == set()
    assert (PRETENDED in decided.values()) == pretending


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("fenced", [False, True])
def test_giving_away_and_devices_are_pretended_and_pipes_are_made(machine: str, *, fenced: bool) -> None:
    code = pretence.program(machine, fenced=fenced)
    audit = fence.MACHINES[machine].audit
    assert decide(code, CHOWN[machine], audit) == PRETENDED
    call, argument = MKNOD[machine]
    for kind, what in ((0x2000, PRETENDED), (0x6000, PRETENDED), (0x1000, ALLOWED), (0x8000, ALLOWED)):
        given = [0] * 4
        given[argument] = kind | 0o644
        assert decide(code, call, audit, *given) == what
    socket_made = decide(code, SOCKETS[machine][0], audit, 40, 1)
    assert socket_made == (errno.EAFNOSUPPORT if fenced else ALLOWED)
    assert decide(code, 359, I386, 40) == (errno.ENOSYS if fenced else ALLOWED)


def test_machines_that_are_not_known_do_without() -> None:
    assert fence.program("riscv64") is None
