"""Sets of ports, as firewall rules and forwarding rules write them: "8080", "8000-8100"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mig_policies.values import Undetermined

if TYPE_CHECKING:
    from collections.abc import Iterable

LAST_PORT = 65535


@dataclass(frozen=True)
class PortSet:
    """Disjoint, ascending ranges of ports, both ends included."""

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def union(cls, sets: Iterable[PortSet]) -> PortSet:
        """Return the ports that are in any of the sets."""
        merged: list[tuple[int, int]] = []
        for first, last in sorted(bounds for ports in sets for bounds in ports.ranges):
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], last))
            else:
                merged.append((first, last))
        return cls(tuple(merged))

    def __sub__(self, other: PortSet) -> PortSet:
        left: list[tuple[int, int]] = []
        for first, last in self.ranges:
            at = first
            for cut_first, cut_last in other.ranges:
                if cut_last < at or cut_first > last:
                    continue
                if cut_first > at:
                    left.append((at, cut_first - 1))
                at = cut_last + 1
            if at <= last:
                left.append((at, last))
        return PortSet(tuple(left))

    def __contains__(self, port: int) -> bool:
        return any(first <= port <= last for first, last in self.ranges)

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __str__(self) -> str:
        return (
            ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in self.ranges)
            or "none"
        )


ALL_PORTS = PortSet(((0, LAST_PORT),))


def parse_ports(text: str) -> PortSet:
    """Read one port or range.

    Raises:
        Undetermined: it is neither.
    """
    first, dash, last = text.strip().partition("-")
    last = last if dash else first
    if first.isdecimal() and last.isdecimal() and int(first) <= int(last) <= LAST_PORT:
        return PortSet(((int(first), int(last)),))
    raise Undetermined(f"'{text}' is no port or range of ports")
