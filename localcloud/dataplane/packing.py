"""The balancer's Maglev tables in the kernel: many slots in each element of a map, and rules that take one of them out.

What looking a slot up costs is memory. With an element for each, a table of 16,381 slots is more than a megabyte that nothing else
keeps in a processor's caches, and every new connection waited for it. So an element holds VALUE bytes, and each slot is a byte of
them, or two with more than 256 backends: its backend's number, which a second map, a small one, turns into the mark.

A rule finds the slot's number in the packet's mark and leaves the backend's mark there, and as the connection's. All registers
are full with what the first map gave, and nft has no words for a part of that: so the rules are made here, one for each position
that a slot may have in an element. They are in several chains, for packets to pass a few of them only.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from localcloud.dataplane import netlink
from localcloud.dataplane.netlink import expression, number, text, value

if TYPE_CHECKING:
    from collections.abc import Sequence

VALUE = 64  # bytes of an element's data: as much as the registers hold
CHAINS = 8
_REGISTER = 8  # the first of 16, of four bytes each
_WORD = 4
_META_DREG, _META_KEY, _META_SREG = 1, 2, 3
_CT_KEY, _CT_SREG = 2, 4
_MARK = 3  # in both
_BITWISE_SREG, _BITWISE_DREG, _BITWISE_LEN, _BITWISE_MASK, _BITWISE_XOR = 1, 2, 3, 4, 5
_BITWISE_OP, _BITWISE_DATA, _RIGHT = 6, 7, 2
_CMP_SREG, _CMP_OP, _CMP_DATA, _EQUAL = 1, 2, 3, 0
_LOOKUP_SET, _LOOKUP_SREG, _LOOKUP_DREG = 1, 2, 3
_IMMEDIATE_DREG, _IMMEDIATE_DATA, _VERDICT_REGISTER, _DATA_VERDICT, _VERDICT_CODE = 1, 2, 0, 2, 1
_RETURN = -5


def width(backends: int) -> int:
    """Return how many bytes a slot has in a table of so many backends."""
    return 1 if backends <= 256 else 2


def positions(backends: int) -> int:
    """Return how many slots an element holds: a power of two."""
    return VALUE // width(backends)


def maps(name: str) -> tuple[str, str]:
    """Return the names of a table's maps: of its slots, and of its backends' marks."""
    return f"maglev_{name}", f"marks_{name}"


def chains(name: str) -> tuple[str, ...]:
    """Return the names of the chains with a table's rules: for the first of an element's positions, the next, and so on."""
    return tuple(f"slots_{name}_{part}" for part in range(CHAINS))


def entrance(name: str) -> str:
    """Return the name of the chain that leads to a table's other chains."""
    return f"slots_{name}"


def fill(table: str, name: str, slots: Sequence[int], marks: Sequence[int], *, ipv6: bool = False) -> None:
    """Fill the empty maps and chains of a Maglev table that this nftables table has, of IPv4 or IPv6.

    `slots`: for each, the number of its backend; `marks`: the backends' by number. Raises KernelRefusedError.
    """
    held, size = positions(len(marks)), width(len(marks))
    padded = [*slots, *[0] * (-len(slots) % held)]
    # the first slot of a word has its lowest bits
    packed = struct.pack(f"<{len(padded)}{'B' if size == 1 else 'H'}", *padded)
    words = struct.Struct(f"={VALUE // _WORD}I")
    data = struct.iter_unpack(f"<{VALUE // _WORD}I", packed)
    groups = [(element * held, words.pack(*each)) for element, each in enumerate(data)]
    of_slots, of_marks = maps(name)
    netlink.commit(
        [
            *netlink.elements(table, of_slots, groups, ipv6=ipv6),
            *netlink.elements(table, of_marks, list(enumerate(marks)), ipv6=ipv6),
            *(
                netlink.rule(
                    table,
                    chains(name)[position * CHAINS // held],
                    _take(position, held, of_slots, of_marks),
                    ipv6=ipv6,
                )
                for position in range(held)
            ),
        ]
    )


def _take(position: int, held: int, of_slots: str, of_marks: str) -> list[bytes]:
    """Return the rule for slots that are at this position of their element.

    To list rules, nft follows what each register holds, but takes what a map gave to be in the first register alone, and falls over
    a look-up by it. So the key is made where the slot will be found. In the first register that cannot be: there, the value takes a
    turn by the packet's mark.
    """
    size = VALUE // held
    word, offset = divmod(position * size, _WORD)
    first, found = _REGISTER, _REGISTER + word
    steps = [_load_mark(found), _and(found, held - 1), _equal(found, position)]
    steps += [
        _load_mark(found),
        _and(found, 0xFFFFFFFF & -held),
        _look_up(of_slots, found, first),
    ]
    if word == 0:
        steps += [_set_mark(first), _load_mark(first)]
    if offset:
        steps.append(_right(found, 8 * offset))
    if offset + size < _WORD:
        steps.append(_and(found, (1 << 8 * size) - 1))
    return [*steps, _look_up(of_marks, found, first), _set_ct_mark(first), _set_mark(first), _return()]


def _load_mark(register: int) -> bytes:
    return expression("meta", number(_META_KEY, _MARK), number(_META_DREG, register))


def _set_mark(register: int) -> bytes:
    return expression("meta", number(_META_KEY, _MARK), number(_META_SREG, register))


def _set_ct_mark(register: int) -> bytes:
    return expression("ct", number(_CT_KEY, _MARK), number(_CT_SREG, register))


def _bitwise(register: int, *operation: bytes) -> bytes:
    place = number(_BITWISE_SREG, register), number(_BITWISE_DREG, register), number(_BITWISE_LEN, _WORD)
    return expression("bitwise", *place, *operation)


def _and(register: int, mask: int) -> bytes:
    return _bitwise(register, value(_BITWISE_MASK, mask), value(_BITWISE_XOR, 0))


def _right(register: int, bits: int) -> bytes:
    return _bitwise(register, number(_BITWISE_OP, _RIGHT), value(_BITWISE_DATA, bits))


def _equal(register: int, wanted: int) -> bytes:
    return expression("cmp", number(_CMP_SREG, register), number(_CMP_OP, _EQUAL), value(_CMP_DATA, wanted))


def _look_up(name: str, key: int, result: int) -> bytes:
    return expression(
        "lookup", text(_LOOKUP_SET, name), number(_LOOKUP_SREG, key), number(_LOOKUP_DREG, result)
    )


def _return() -> bytes:
    verdict = netlink.nested(_DATA_VERDICT, number(_VERDICT_CODE, 0xFFFFFFFF & _RETURN))
    return expression(
        "immediate",
        number(_IMMEDIATE_DREG, _VERDICT_REGISTER),
        netlink.nested(_IMMEDIATE_DATA, verdict),
    )
