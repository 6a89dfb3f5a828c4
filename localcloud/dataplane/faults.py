"""Faults of links as nftables scripts: from a plan's faults to what the kernel is told, without side effects.

Packets are caught where they leave for the other side: those for an instance on the router's end of its link, those from it on its
own end, and those to and from its metadata server on its `lo`. Each fault has a table of its own, of the same name in the router's
and in the machine's namespace, so that adding one leaves the others' counts alone. A packet that was held is sent on with a mark by
which every fault lets it pass.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from localcloud.dataplane.addresses import (
    CLIENTS,
    CLIENTS_IPV6,
    PROBER_RANGES,
    PROBER_RANGES_IPV6,
    PROBER_SOURCES,
    PROBER_SOURCES_IPV6,
    label,
    link_name,
    prober_source,
)
from localcloud.dataplane.family import IPV4, IPV6, of
from localcloud.plans.probe import MOST_PROBERS

if TYPE_CHECKING:
    from localcloud.plans.fault import LinkFault

METADATA = "169.254.169.254"
_RANGES = {
    "client": (CLIENTS, CLIENTS_IPV6),
    "prober": (*PROBER_RANGES, *PROBER_RANGES_IPV6),
    **{
        f"prober:{consumer}": tuple(
            prober_source(consumer, number, ipv6=ipv6) + ("/128" if ipv6 else "/32")
            for ipv6 in (False, True)
            for number in range(MOST_PROBERS)
            if consumer in (PROBER_SOURCES_IPV6 if ipv6 else PROBER_SOURCES)
        )
        for consumer in PROBER_SOURCES
    },
    "metadata": (f"{METADATA}/32",),
}
HELD = 0xFA0175  # the mark of packets that have been held
PATTERN = 4096  # the fate of packet n is that of packet n modulo this
_LOSSES, _DELAYS = 0, 10  # hook priorities: what is lost is not held first


@dataclass(frozen=True)
class Side:
    """One place where packets are caught. `pid` names the machine's namespace, 0 the router's; `field`: where the peer's address is."""

    inside: bool
    device: str
    field: Literal["saddr", "daddr"]

    def detour(self) -> str:
        """Return the name of the link that packets to be held are sent down (15 characters are the kernel's limit)."""
        return f"hold{self.device.removeprefix('vm')}"[:15]


def sides(fault: LinkFault) -> tuple[Side, Side]:
    """Return where packets from the peers and to them are caught."""
    if "metadata" in fault.peers:
        return Side(inside=True, device="lo", field="saddr"), Side(inside=True, device="lo", field="daddr")
    return (
        Side(inside=False, device=link_name(fault.instance), field="saddr"),
        Side(inside=True, device="eth0", field="daddr"),
    )


def ranges(fault: LinkFault) -> tuple[str, ...]:
    """Return the peers' ranges, of both families."""
    return tuple(each for peer in fault.peers for each in _RANGES.get(peer, (peer,)))


def table(fault: LinkFault) -> str:
    """Return the name of a fault's table: another one if anything about it changes."""
    return f"{link_name(fault.instance)}_{label(repr(fault))}"


def link_of(name: str) -> str:
    """Return the link that a table is about, by the table's name."""
    return name.partition("_")[0]


def lost(share: float, burst: float, seed: str) -> frozenset[int]:
    """Return the numbers, of PATTERN packets in turn, of those that are lost: as many as the share says, in bursts of this mean length."""
    rng = random.Random(seed)  # noqa: S311 - to be repeatable is its purpose
    count = min(PATTERN, max(1, round(share * PATTERN)))
    lengths: list[int] = []
    while (left := count - sum(lengths)) > 0:
        length = 1
        while burst > 1 and length < left and rng.random() > 1 / burst:
            length += 1
        lengths.append(length)
    kept = PATTERN - count
    if len(lengths) > kept:  # more bursts than gaps between them: the share leaves no choice
        return frozenset(rng.sample(range(PATTERN), count))
    before = iter(sorted(rng.sample(range(kept), len(lengths))))  # each burst follows another kept packet
    numbers: list[int] = []
    for length in lengths:
        start = next(before) + 1 + len(numbers)
        numbers += range(start, start + length)
    return frozenset(numbers)


def _losing(fault: LinkFault, side: Side) -> list[str]:
    if fault.share >= 1:
        return ["counter drop"]
    numbers = lost(fault.share, fault.burst, f"{fault.seed}/{fault.instance}/{side.field}")
    if 2 * len(numbers) <= PATTERN:
        return [f"numgen inc mod {PATTERN} {_braces(numbers)} counter drop"]
    return [
        f"numgen inc mod {PATTERN} {_braces(frozenset(range(PATTERN)) - numbers)} accept",
        "counter drop",
    ]


def _braces(numbers: frozenset[int]) -> str:
    return "{ " + ", ".join(str(number) for number in sorted(numbers)) + " }"


def held_at(fault: LinkFault) -> tuple[Side, ...]:
    """Return where a fault has packets held: nowhere unless that is its kind."""
    if fault.kind == "loss":
        return ()
    return sides(fault)[1:] if fault.kind == "slow" else sides(fault)


def scripts(fault: LinkFault) -> tuple[str, str]:
    """Return what to load in the router's and in the machine's namespace; the links of `held_at` must be there already."""
    name = table(fault)
    found: dict[bool, list[str]] = {False: [], True: []}
    for lines in found.values():
        # whatever was left under this name
        lines += [f"add table netdev {name}", f"delete table netdev {name}", f"add table netdev {name}"]
    priority = _LOSSES if fault.kind == "loss" else _DELAYS
    for side in sides(fault):
        if fault.kind != "loss" and side not in held_at(fault):
            continue
        chain = f"netdev {name} {side.field}"
        hook = f'type filter hook egress device "{side.device}" priority {priority};'
        found[side.inside] += [
            f"add chain {chain} {{ {hook} }}",
            f"add chain {chain}_fate",
            *(
                f"add rule {chain}_fate {line}"
                for line in (_losing(fault, side) if fault.kind == "loss" else [f'fwd to "{side.detour()}"'])
            ),
            f"add rule {chain} meta mark {HELD:#x} accept",
            *(f"add rule {chain} {match} jump {side.field}_fate" for match in _matches(fault, side)),
        ]
    return "\n".join(found[False]) + "\n", "\n".join(found[True]) + "\n"


def _matches(fault: LinkFault, side: Side) -> list[str]:
    """Return which packets a fault is about, one match per address family that its peers have."""
    found = []
    for family in (IPV4, IPV6):
        peers = ", ".join(each for each in ranges(fault) if of(each) is family)
        if not peers:
            continue
        match = f"{family.name} {side.field} {{ {peers} }}"
        if fault.forwarded:
            match += f" {family.forwarded.format('daddr' if side.field == 'saddr' else 'saddr')}"
        if fault.kind == "slow":
            match += f" tcp sport {fault.port}" if fault.port else " meta l4proto tcp"
        found.append(match)
    return found


def removal(name: str) -> str:
    """Return the script that removes a fault's table, harmless if it is gone."""
    return f"add table netdev {name}\ndelete table netdev {name}\n"
