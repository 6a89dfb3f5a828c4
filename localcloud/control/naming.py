"""What a group's new instances are called: the base name, a hyphen and four random characters, or a number that counts up.

A base name that ends with a hyphen and hash signs asks for numbers of at least so many digits: ``web-###`` makes web-001, web-002; with
``web-###[20]`` the first is web-020. Which number comes after one whose instance has gone Google does not say: here the least that is free.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from localcloud.control.links import project_of

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from localcloud.control.look import Look
    from localcloud.store import Store

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_NUMBERED = re.compile(r"(?P<start>.+-)(?P<digits>#+)(?:\[(?P<first>[0-9]+)\])?")


def new_name(store: Store, rng: random.Random, look: Look) -> str:
    """Return a name that no instance of the group has, nor any other in its zones, abandoned ones included."""
    project = project_of(look.group.key)
    for name in _candidates(look.group.base_name, rng):
        keys = [f"compute/projects/{project}/zones/{zone}/instances/{name}" for zone in look.group.zones]
        if not look.knows(name) and all(
            store.get(key) is None and key not in look.change.writes for key in keys
        ):
            return name
    raise AssertionError  # there is no end of candidates


def _candidates(base: str, rng: random.Random) -> Iterator[str]:
    numbered = _NUMBERED.fullmatch(base)
    if numbered is None:
        while True:
            yield f"{base}-{''.join(rng.choices(_ALPHABET, k=4))}"
    digits, first = len(numbered["digits"]), numbered["first"]
    for number in itertools.count(1 if first is None else int(first)):
        yield f"{numbered['start']}{number:0{digits}}"
