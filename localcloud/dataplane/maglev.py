"""Maglev consistent hashing: a table of backends in which each has an equal share and few entries move when one comes or goes.

As in the paper (Eisenbud et al., NSDI 2016): each backend has its own permutation of the slots, and they take turns claiming the
next slot of theirs that is free.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_SIZE = 16_381
MAX_SIZE = 65_537


def is_prime(number: int) -> bool:
    """Return whether a number is prime (trial division; table sizes are small)."""
    return number > 1 and all(number % factor for factor in range(2, int(number**0.5) + 1))


def build(
    backends: Sequence[str], size: int = DEFAULT_SIZE, weights: Mapping[str, int] | None = None
) -> list[int]:
    """Return, for each slot, the index of its backend in `backends`.

    The assignment depends on names and weights only, not on their order. `size` must be a prime of at most 65,537 and at least the
    number of backends. A backend gets a share of the slots in proportion to its weight (all equal unless given; 0: none, unless all
    are 0). Raises ValueError; no backends give an empty list.
    """
    _check(backends, size)
    if not backends:
        return []
    shares = _shares(backends, weights or {})
    order = sorted((index for index in range(len(backends)) if shares[index]), key=backends.__getitem__)
    positions, skips = [], []
    for index in order:
        digest = hashlib.blake2s(backends[index].encode(), digest_size=16).digest()
        positions.append(int.from_bytes(digest[:8], "big") % size)
        skips.append(int.from_bytes(digest[8:], "big") % (size - 1) + 1)
    table = [-1] * size
    filled = 0
    turns = range(len(order))
    # a backend of less than the greatest weight lets turns pass
    most = max(shares)
    equal = all(shares[index] == most for index in order)
    credit = [0] * len(order)
    while True:
        for turn in turns:
            if not equal:
                credit[turn] += shares[order[turn]]
                if credit[turn] < most:
                    continue
                credit[turn] -= most
            position, skip = positions[turn], skips[turn]
            while table[position] >= 0:
                position += skip
                if position >= size:
                    position -= size
            table[position] = order[turn]
            positions[turn] = (position + skip) % size
            filled += 1
            if filled == size:
                return table


def _shares(backends: Sequence[str], weights: Mapping[str, int]) -> list[int]:
    shares = [weights.get(each, 1) for each in backends]
    if any(share < 0 for share in shares):
        msg = f"Maglev weights {shares}: each must be 0 or more"
        raise ValueError(msg)
    return shares if any(shares) else [1] * len(backends)


def _check(backends: Sequence[str], size: int) -> None:
    if not is_prime(size) or size > MAX_SIZE:
        msg = (
            f"Maglev table size {size}: must be a prime of at most {MAX_SIZE}; the default is {DEFAULT_SIZE}"
        )
        raise ValueError(msg)
    if len(set(backends)) != len(backends):
        msg = f"Maglev backends {list(backends)}: each may be named once"
        raise ValueError(msg)
    if len(backends) > size:
        msg = f"{len(backends)} backends in a Maglev table of {size} slots: use a size of at least 100 slots per backend"
        raise ValueError(msg)
