"""The balancer in force, of one address family: tables, chains, and routes by mark."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from localcloud.dataplane import balancer, family
from localcloud.dataplane.addresses import (
    FORWARDED,
    FORWARDED_IPV6,
    LOOPBACK,
    RULE_MASK_IPV6,
    mark_of,
)
from localcloud.dataplane.family import IPV4, IPV6
from localcloud.plans.balancer import BalancerPlan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from localcloud.dataplane.family import Family
    from localcloud.dataplane.helpers import Worker
    from localcloud.dataplane.maglev_table import Table
    from localcloud.dataplane.rulesets import Rulesets
    from localcloud.plans.balancer import VirtualService

# Routing rules are tried in the order of their preference. Unmarked packets go by the kernel's own two tables at once: the one of its
# own addresses and the main one. No packet that is marked is for the router itself, so these are spared the former. Marks are looked up
# in two steps, so that no packet passes more than a few dozen rules however many instances there are: a rule per group of neighbouring
# marks jumps to the rules of its group, which lie behind the main table's, where no other packet comes. A mark that no rule of its group
# knows is that of an instance behind no balancer, on its way to the instance's own address: behind all groups the tables are asked again.
_UNMARKED = 900
_GROUPS = 1000
_LEAVES = 0x100000
_GROUP_BITS = 4
_REST = 0x7FFFFFFE

# what every router begins with; the kernel begins with the first table for every packet
ROUTING_RULES = (
    f"rule add fwmark 0/0xffffffff lookup local preference {_UNMARKED}",
    f"rule add fwmark 0/0xffffffff lookup main preference {_UNMARKED + 1}",
    f"rule add lookup local preference {_REST}",
    f"rule add lookup main preference {_REST + 1}",
    "rule delete preference 0",
)


class Forwarding:
    """What is in force can be read back, so a new daemon takes over what it finds. Without IPv6 rules, nothing of IPv6 is made."""

    def __init__(self, worker: Worker, rulesets: Rulesets, of: Family, table_size: int) -> None:
        self._worker, self._rulesets, self._family, self._size = worker, rulesets, of, table_size
        self._plan: BalancerPlan | None = None
        self._tables: dict[str, Table] = {}
        self._entries: Mapping[str, tuple[str, ...]] | None = None
        self._ways: dict[int, str] | None = None  # by mark, the address that packets with it go to

    async def apply(self, plan: BalancerPlan) -> None:
        """Make tables, chains and routes what the plan, of rules of this family, says. Raises ValueError for addresses that cannot be."""
        if plan == self._plan:
            return
        _check_addresses(plan)
        objects = await self._rulesets.present("balancer", self._family)
        if self._family is IPV6 and not plan.services and not objects:
            self._plan = plan
            return
        wanted = {
            mark_of(backend.address): backend.address if self._family is IPV4 else backend.address_ipv6
            for service in plan.services
            for backend in service.backends
        }
        present = await self._present_ways()
        new = {mark: way for mark, way in wanted.items() if present.get(mark) != way}
        await self._ip(_mark_lines(new, present.keys()))
        self._ways = present | wanted
        rules = balancer.ruleset(
            plan,
            self._tables,
            self._rulesets.generation(),
            objects,
            entries=self._entries,
            size=self._size,
            of=self._family,
        )
        self._entries = None  # unknown again if one of the scripts fails
        await self._rulesets.load("balancer", self._family, rules)
        self._tables, self._entries = dict(rules.tables), rules.entries
        await self._ip(_unmark_lines(present.keys() - wanted.keys(), self._ways.keys()))
        self._ways = wanted
        self._plan = plan

    async def _ip(self, lines: list[str]) -> None:
        await self._worker.ip(lines, ipv6=self._family is IPV6)

    async def _present_ways(self) -> dict[int, str]:
        if self._ways is None:
            rules = await self._worker.ip_show(f"-{self._family.version}", "rule", "show")
            marks = {int(rule["fwmark"], 16) for rule in rules if _LEAVES <= rule["priority"] < _REST}
            # an IPv6 way is not to be told from its mark: it is replaced when it is wanted
            self._ways = {
                mark: str(ipaddress.IPv4Address(mark)) if self._family is IPV4 else "" for mark in marks
            }
        return self._ways


def of_family(plan: BalancerPlan, of: Family) -> BalancerPlan:
    """Return what a plan has of one address family."""
    return BalancerPlan(
        services=tuple(each for each in plan.services if family.of(each.address) is of),
    )


def _leaf(mark: int) -> str:
    return f"fwmark {mark} lookup {mark} preference {_LEAVES + (mark >> _GROUP_BITS)}"


def _group(number: int) -> str:
    mask = 0xFFFFFFFF << _GROUP_BITS & 0xFFFFFFFF
    return f"fwmark {number << _GROUP_BITS}/{mask:#x} goto {_LEAVES + number} preference {_GROUPS}"


def _groups(marks: Iterable[int]) -> set[int]:
    return {mark >> _GROUP_BITS for mark in marks}


def _mark_lines(new: Mapping[int, str], present: Iterable[int]) -> list[str]:
    """Return the lines that lead packets with these marks to the instances at these addresses."""
    known = set(present)
    lines = []
    for mark, way in sorted(new.items()):
        lines.append(f"route replace default via {way} table {mark}")
        if mark not in known:
            lines.append(f"rule add {_leaf(mark)}")
    return lines + [f"rule add {_group(number)}" for number in sorted(_groups(new) - _groups(known))]


def _unmark_lines(gone: set[int], present: Iterable[int]) -> list[str]:
    """Return the lines that forget these marks."""
    left = set(present) - gone
    lines = [f"rule delete {_group(number)}" for number in sorted(_groups(gone) - _groups(left))]
    return lines + [
        line for mark in sorted(gone) for line in (f"rule delete {_leaf(mark)}", f"route flush table {mark}")
    ]


def _check_addresses(plan: BalancerPlan) -> None:
    for service in plan.services:
        if family.of(service.address) is IPV6:
            _check_range(service)
            continue
        address = ipaddress.IPv4Address(service.address)
        if address not in ipaddress.IPv4Network(FORWARDED) or address in ipaddress.IPv4Network(
            LOOPBACK, strict=False
        ):
            msg = f"forwarding rule {service.key}: address {address} must be in {FORWARDED} and outside {LOOPBACK}"
            raise ValueError(msg)


def _check_range(service: VirtualService) -> None:
    upper = int(ipaddress.IPv6Address(FORWARDED_IPV6))
    place = ipaddress.IPv6Network(service.address)
    if not int(place.network_address) & upper or place.netmask != ipaddress.IPv6Address(RULE_MASK_IPV6):
        msg = f"forwarding rule {service.key}: range {service.address} must be a /96 in the upper half of its subnetwork's /64"
        raise ValueError(msg)
    for backend in service.backends:
        if not backend.address_ipv6:
            msg = f"forwarding rule {service.key}: {backend.instance} has no IPv6 address, so it cannot be behind an IPv6 rule"
            raise ValueError(msg)
