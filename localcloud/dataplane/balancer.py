"""The load balancer as an nftables ruleset: from a balancer plan to scripts, without side effects.

A packet for a forwarding rule enters its service's chain. If it does not begin a connection, connections like its own are tracked, and
the backend may keep it, it goes there; otherwise a consistent hash over the affinity's fields picks a backend from the service's Maglev
table. The choice is remembered as the connection's mark and becomes the packet's: the backend's address as a number, by which `ip rule`
routes it. Nothing in the packet changes; the backend sees the client's address and the forwarding rule's and answers directly.

Tables are larger than what one transaction takes, so a new one is filled while nothing refers to it, and put into force by the
transaction that also changes everything else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.dataplane import family, frontends, maglev, sessions
from localcloud.dataplane.addresses import label, mark_of
from localcloud.dataplane.family import IPV4, Family

if TYPE_CHECKING:
    from localcloud.plans.balancer import Backend, BalancerPlan, VirtualService

IN_PLACE = 1500  # entries to change up to which a table is changed in place, in one transaction


@dataclass(frozen=True)
class Table:
    """A Maglev table in the kernel: the map's name, and the backend's address in each slot (its IPv4 address, in both families)."""

    name: str
    slots: tuple[str, ...]
    family: Family = IPV4

    def declaration(self) -> str:
        """Return the script that makes the table's map, empty."""
        return (
            f"add table {self.family.name} balancer\n"
            f"add map {self.family.name} balancer {self.name} {{ typeof symhash mod 2 : ct mark; }}\n"
        )

    def marks(self) -> list[int]:
        """Return what the map has to say for each slot."""
        marks = {address: mark_of(address) for address in set(self.slots)}
        return [marks[address] for address in self.slots]


@dataclass(frozen=True)
class Ruleset:
    """What to do in order: make and fill `fills`, which changes nothing for packets; load `switch`, which changes everything at once.

    Afterwards the kernel has `tables`, by service, `entries` in the maps that lead to services, and `objects` ("chain NAME",
    "map NAME").
    """

    fills: tuple[Table, ...]
    switch: str
    tables: Mapping[str, Table]
    entries: Mapping[str, tuple[str, ...]]
    objects: frozenset[str]


def slots_of(service: VirtualService, size: int) -> tuple[str, ...]:
    """Return the address in each slot of a service's table; empty when no backend is eligible."""
    eligible = [backend.address for backend in service.backends if backend.eligible]
    weights = {backend.address: backend.weight for backend in service.backends}
    return tuple(eligible[index] for index in maglev.build(eligible, size, weights))


def _seed(service: VirtualService) -> int:
    # of the backend service, so that without the destination its rules agree; nft takes a seed of 0 for "choose one"
    return (
        int.from_bytes(hashlib.blake2s(service.backend_service.encode(), digest_size=4).digest(), "big") | 1
    )


def _entries(slots: Sequence[str], numbers: Iterable[int]) -> str:
    return ", ".join(f"{number} : {mark_of(slots[number]):#x}" for number in numbers)


def _change_lines(table: Table, slots: Sequence[str]) -> list[str] | None:
    """Return the lines that change a table in place, or None if that is too much for one transaction."""
    changed = [number for number, address in enumerate(slots) if table.slots[number] != address]
    if len(changed) > IN_PLACE:
        return None
    if not changed:
        return []
    gone = ", ".join(str(number) for number in changed)
    return [
        f"delete element {table.family.name} balancer {table.name} {{ {gone} }}",
        f"add element {table.family.name} balancer {table.name} {{ {_entries(slots, changed)} }}",
    ]


def _marks(backends: Iterable[Backend]) -> str:
    return "{ " + ", ".join(f"{mark_of(each.address):#x}" for each in backends) + " }"


def _persists(service: VirtualService, backend: Backend) -> bool:
    """Return whether a backend that may be unhealthy keeps what it has, of the protocols that the service has keep it."""
    return backend.eligible or (backend.keeps == "unhealthy" and service.persistence != "none")


def _keeping(service: VirtualService, *, persisting: bool) -> list[Backend]:
    """Return the backends that keep what they have of protocols that persist on unhealthy ones, or do not."""
    return [
        each
        for each in service.backends
        if each.eligible or each.keeps == "always" or (persisting and each.keeps == "unhealthy")
    ]


def _kept(service: VirtualService) -> list[str]:
    """Return the matches of packets that go where their connection's earlier ones went: by protocol, whose marks may be kept.

    What begins a connection is chosen for anew: a SYN, unless it belongs to a session. Without an affinity nothing but TCP is tracked,
    and pings never are.
    """
    own, whole = family.of(service.address), service.protocol == "L3_DEFAULT"
    kinds = []
    if service.protocol != "UDP":
        later = "" if sessions.of(service) is not None else frontends.NO_SYN
        kinds.append((f"{own.protocol} tcp " if whole else "", later, service.persistence != "none"))
    if service.protocol != "TCP" and service.affinity != "NONE":
        kinds.append(
            (f"{own.protocol} != {{ tcp, {own.icmp} }} " if whole else "", "", service.persistence == "all")
        )
    found = []
    for protocol, later, persisting in kinds:
        if keeping := _keeping(service, persisting=persisting):
            found.append(f"{protocol}ct mark {_marks(keeping)} {later}")
    return found


def _service_chain(service: VirtualService, table: Table | None, *, recognised: bool) -> list[str]:
    """`recognised`: what belongs to kept connections has been recognised before, and does not come here."""
    own, session = family.of(service.address), sessions.of(service)
    remember = session.remember() if session is not None else ""
    kept = [] if recognised else _kept(service)
    lines = [f"{match}{remember}meta mark set ct mark accept" for match in kept]
    whole = service.protocol == "L3_DEFAULT"
    if whole:  # an ICMP error about a connection goes where the connection goes
        lines.insert(
            0, f"{own.protocol} {own.icmp} ct state related ct mark != 0 meta mark set ct mark accept"
        )
    tracked = f"{own.protocol} != {own.icmp} " if whole else ""
    if session is not None:
        staying = [each for each in service.backends if _persists(service, each)]
        if staying:
            lines.append(f"{tracked}meta mark set {session.key} map @{session.name}")
            lines.append(f"{tracked}meta mark {_marks(staying)} ct mark set meta mark {remember}accept")
    if table is None:
        return [*lines, "counter drop"]
    fields = own.tuples[service.affinity]
    ways = [("", fields)]
    if whole and "th " in fields:  # not every protocol has ports
        ported = f"{own.protocol} {{ tcp, udp }} "
        ways = [(ported, fields), (ported.replace("{", "!= {"), own.tuples["CLIENT_IP_PROTO"])]
    for match, hashed in ways:
        choice = f"jhash {hashed} mod {len(table.slots)} seed {_seed(service):#x} map @{table.name}"
        lines.append(f"{match}ct mark set {choice}")
    if session is not None:
        lines.append(f"{tracked}{session.remember()}")
    return [*lines, "meta mark set ct mark accept"]


def ruleset(
    plan: BalancerPlan,
    tables: Mapping[str, Table],
    generation: str,
    present: frozenset[str] = frozenset(),
    *,
    entries: Mapping[str, tuple[str, ...]] | None = None,
    size: int = maglev.DEFAULT_SIZE,
    of: Family = IPV4,
) -> Ruleset:
    """Return the scripts that make this plan, whose rules' addresses are all of one family, the one in force.

    `tables` are those in the kernel, by service; `generation` makes new names unique; `present` are all objects that the kernel
    has, of which what is no longer needed is removed; `entries` are those in force, if known: what has not changed is left alone,
    because to change any entry nft reads all of them, the tables' too. Raises ValueError for a size that is no prime.
    """
    fills: list[Table] = []
    changes: list[str] = []
    after: dict[str, Table] = {}
    chains: dict[str, list[str]] = {}
    wanted: dict[str, list[str]] = {"ports": [], "ranges": [], "whole": []}
    recognised = frontends.Recognised()
    steering = frontends.steering(plan)
    bases = {frontends.of_service(service) for service in plan.services if not service.sources}
    for service in plan.services:
        name = label(service.key)
        slots = slots_of(service, size)
        table: Table | None = None
        if slots:
            old = tables.get(service.key)
            lines = _change_lines(old, slots) if old is not None and len(old.slots) == len(slots) else None
            if old is not None and lines is not None:
                changes += lines
                table = Table(old.name, slots, of)
            else:
                table = Table(f"maglev_{name}_{generation}", slots, of)
                fills.append(table)
            after[service.key] = table
        frontend = frontends.of_service(service)
        steered, chain = steering.get(frontend, []), f"service_{name}"
        keeping = _keeping(service, persisting=service.persistence != "none")
        known = not steered and recognised.add(frontends.kept_flows(service, keeping))
        chains[chain] = _service_chain(service, table, recognised=known)
        if not service.sources:
            chains[chain] = [*steered, *chains[chain]]
        elif frontend in bases:
            continue
        else:  # there is no base: whoever nobody takes is dropped
            bases.add(frontend)
            chain = f"steer_{name}"
            chains[chain] = [*steered, "counter drop"]
        for which, key in frontends.selectors(service):
            wanted[which].append(f"{key} : goto {chain}")
    after_entries = {which: tuple(items) for which, items in wanted.items()}
    same = after_entries == entries
    balancer = of.table("balancer")
    lines = [f"add table {balancer}", *([] if same else frontends.maps(of))]
    remembered = {each.name: each for service in plan.services if (each := sessions.of(service)) is not None}
    lines += [each.declaration() for each in remembered.values()]
    lines += [f"add chain {balancer} {name}" for name in chains]
    lines += [f"flush chain {balancer} {name}" for name in chains]
    lines += changes
    lines += frontends.hook([which for which, items in wanted.items() if items], recognised, of)
    lines += [f"add rule {balancer} {name} {line}" for name, content in chains.items() for line in content]
    lines += [
        f"add element {balancer} {which} {{ {', '.join(items)} }}"
        for which, items in wanted.items()
        if items and not same
    ]
    objects = frozenset(
        [f"chain {name}" for name in ("arrive", *chains)]
        + [f"map {name}" for name in (*wanted, *remembered, *(table.name for table in after.values()))]
    )
    # chains first: they refer to maps
    lines += [f"delete {each.replace(' ', f' {balancer} ')}" for each in sorted(present - objects)]
    return Ruleset(tuple(fills), "\n".join(lines) + "\n", after, after_entries, objects)
