"""A service's Maglev table in nft's words: what it consists of, and the statement that looks a slot up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from localcloud.dataplane import packing
from localcloud.dataplane.addresses import mark_of
from localcloud.dataplane.family import IPV4, Family

# as many bytes as an element has; nft has no longer type, and takes no more than five for one
_VALUE = " . ".join(["ipv6_addr"] * (packing.VALUE // 16))


@dataclass(frozen=True)
class Table:
    """`name` is part of its objects' names; `slots`: the backend's address in each (its IPv4 address, in both families)."""

    name: str
    slots: tuple[str, ...]
    family: Family = IPV4

    @cached_property
    def backends(self) -> tuple[str, ...]:
        """The addresses that are in any slot, by the number that the kernel has for them."""
        return tuple(sorted(set(self.slots)))

    @property
    def objects(self) -> tuple[str, ...]:
        """What it consists of: "chain NAME", "map NAME"."""
        return (
            *(f"chain {each}" for each in (*packing.chains(self.name), packing.entrance(self.name))),
            *(f"map {each}" for each in packing.maps(self.name)),
        )

    def declaration(self) -> str:
        """Return the script that makes all of it, but for what fills it."""
        balancer, (slots, marks) = self.family.table("balancer"), packing.maps(self.name)
        parts, entrance = packing.chains(self.name), packing.entrance(self.name)
        held = packing.positions(len(self.backends))
        step = held // len(parts)
        ways = [f"{number * step:#x} : goto {chain}" for number, chain in enumerate(parts)]
        lines = [
            f"add table {balancer}",
            f"add map {balancer} {slots} {{ type mark : {_VALUE}; }}",
            f"add map {balancer} {marks} {{ type mark : mark; }}",
            *(f"add chain {balancer} {each}" for each in (*parts, entrance)),
            f"add rule {balancer} {entrance} meta mark & {held - step:#x} vmap {{ {', '.join(ways)} }}",
        ]
        return "\n".join(lines) + "\n"

    def numbers(self) -> list[int]:
        """Return the number of the backend in each slot."""
        numbers = {address: number for number, address in enumerate(self.backends)}
        return [numbers[address] for address in self.slots]

    def marks(self) -> list[int]:
        """Return the backends' marks, by number."""
        return [mark_of(address) for address in self.backends]

    def look_up(self) -> str:
        """Return the statement by which a packet whose mark is a slot's number, and its connection, get the mark of its backend."""
        return f"jump {packing.entrance(self.name)}"
