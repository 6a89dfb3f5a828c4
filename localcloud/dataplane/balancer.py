"""The load balancer as an nftables ruleset: from a balancer plan to scripts, without side effects.

A packet for a forwarding rule enters its service's chain. If it does not begin a connection, connections like its own are tracked, and
the backend may keep it, it goes there; otherwise a consistent hash over the affinity's fields picks a backend from the service's Maglev
table. The choice is remembered as the connection's mark and becomes the packet's: the backend's address as a number, by which `ip rule`
routes it. Nothing in the packet changes; the backend sees the client's address and the forwarding rule's and answers directly.

A table that changes is another table: it is filled while nothing refers to it, and put into force by the transaction that also changes
everything else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.dataplane import family, frontends, maglev, sessions
from localcloud.dataplane.addresses import label, mark_of
from localcloud.dataplane.family import IPV4, Family
from localcloud.dataplane.maglev_table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from localcloud.plans.balancer import Backend, BalancerPlan, VirtualService


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

    What begins a connection is chosen for anew: a SYN. Without an affinity nothing but TCP is tracked, and pings never are. Where sessions
    are tracked it is these that decide, not their connections; but backends that are drained keep what they have, and get nothing new.
    """
    own, whole = family.of(service.address), service.protocol == "L3_DEFAULT"
    if sessions.of(service) is not None:
        drained = [each for each in service.backends if each.keeps == "always" and not each.eligible]
        tracked = f"{own.protocol} != {own.icmp} " if whole else ""
        return [f"{tracked}ct mark {_marks(drained)} "] if drained else []
    kinds = []
    if service.protocol != "UDP":
        kinds.append(
            (f"{own.protocol} tcp " if whole else "", frontends.NO_SYN, service.persistence != "none")
        )
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
    kept = [] if recognised else _kept(service)
    lines = [f"{match}meta mark set ct mark accept" for match in kept]
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
            known = f"{tracked}meta mark {_marks(staying)}"
            lines.append(f"{known} ct mark set meta mark {session.remember()}accept")
    if table is None:
        return [*lines, "counter drop"]
    fields = own.tuples[service.affinity]
    ways = [("", fields)]
    if whole and "th " in fields:  # not every protocol has ports
        ported = f"{own.protocol} {{ tcp, udp }} "
        ways = [(ported, fields), (ported.replace("{", "!= {"), own.tuples["CLIENT_IP_PROTO"])]
    for match, hashed in ways:
        slot = f"jhash {hashed} mod {len(table.slots)} seed {_seed(service):#x}"
        lines.append(f"{match}meta mark set {slot}")
    lines.append(table.look_up())
    if session is not None:
        lines.append(f"{tracked}{session.replace()}")
    return [*lines, "accept"]


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
            table = tables.get(service.key)
            if table is None or table.slots != slots:
                table = Table(f"{name}_{generation}", slots, of)
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
    lines += frontends.hook([which for which, items in wanted.items() if items], recognised, of)
    lines += [f"add rule {balancer} {name} {line}" for name, content in chains.items() for line in content]
    lines += [
        f"add element {balancer} {which} {{ {', '.join(items)} }}"
        for which, items in wanted.items()
        if items and not same
    ]
    objects = frozenset(
        [f"chain {name}" for name in ("arrive", *chains)]
        + [f"map {name}" for name in (*wanted, *remembered)]
        + [each for table in after.values() for each in table.objects]
    )
    # chains refer to each other and to maps
    lines += [
        f"flush {each.replace(' ', f' {balancer} ')}"
        for each in sorted(present - objects)
        if each.startswith("chain ")
    ]
    lines += [f"delete {each.replace(' ', f' {balancer} ')}" for each in sorted(present - objects)]
    return Ruleset(tuple(fills), "\n".join(lines) + "\n", after, after_entries, objects)
