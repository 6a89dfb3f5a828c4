"""The router's namespace, kept in agreement with the network and balancer plans."""

from __future__ import annotations

import ipaddress
import itertools
import secrets
from typing import TYPE_CHECKING

from localcloud.dataplane import balancer, firewall, maglev
from localcloud.dataplane.addresses import (
    CLIENTS,
    FORWARDED,
    INTERNET_LINK,
    INTERNET_TRANSIT,
    LOOPBACK,
    NOWHERE_LINK,
    PROBER_RANGES,
    ROUTER_TRANSIT,
    TRANSIT_MTU,
    TRANSIT_PREFIX,
    bridge_name,
    mac_address,
    mark_of,
)
from localcloud.dataplane.kernel import COMMON_SETTINGS, LOOPBACK_LINES
from localcloud.plans.balancer import BalancerPlan
from localcloud.plans.network import NetworkPlan, Subnetwork

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from localcloud.dataplane.helpers import Worker

# Routing rules are tried in the order of their preference. Unmarked packets go by the main table at once. Marks are looked up in two
# steps, so that no packet passes more than a few dozen rules however many instances there are: a rule per group of neighbouring marks
# jumps to the rules of its group, which lie behind the main table's, where no other packet comes. A mark that no rule of its group knows
# is that of an instance behind no balancer, on its way to the instance's own address: behind all groups the main table is asked again.
_UNMARKED = 900
_GROUPS = 1000
_LEAVES = 0x100000
_GROUP_BITS = 4
_REST = 0x7FFFFFFF

_SETTINGS = {
    **COMMON_SETTINGS,
    "net/ipv4/ip_forward": "1",
    "net/ipv4/tcp_tw_reuse": "1",
    # connections carried over a change of tables, or older than this namespace's memory, are not to be cut
    "net/netfilter/nf_conntrack_tcp_be_liberal": "1",
    "net/netfilter/nf_conntrack_tcp_loose": "1",
    "net/netfilter/nf_conntrack_tcp_timeout_established": "600",  # Google's
    # the ends of a connection remember it longer; here thousands a second would fill the table
    "net/netfilter/nf_conntrack_tcp_timeout_time_wait": "10",
    "net/netfilter/nf_conntrack_tcp_timeout_close": "2",
    "net/netfilter/nf_conntrack_udp_timeout": "60",
    "net/netfilter/nf_conntrack_udp_timeout_stream": "60",
}


class Router:
    """Bridges, firewall, balancer tables and routes by mark. All of it can be read back, so a new daemon takes over what it finds."""

    def __init__(self, worker: Worker, table_size: int = maglev.DEFAULT_SIZE) -> None:
        self._worker = worker
        self._table_size = table_size
        self._names = (f"{secrets.token_hex(3)}{number:x}" for number in itertools.count())
        self._network: NetworkPlan | None = None
        self._balancer: BalancerPlan | None = None
        self._subnetworks: dict[str, Subnetwork] = {}
        self._neighbours: dict[str, str] = {}  # address -> bridge
        self._tables: dict[str, balancer.Table] = {}
        self._entries: Mapping[str, tuple[str, ...]] | None = None
        self._marks: set[int] | None = None
        self._objects: dict[str, frozenset[str]] = {}  # what nftables has, by table, once it is known

    async def prepare(self) -> None:
        """Set up a fresh router; harmless to an old one."""
        links = {link["ifname"]: link for link in await self._worker.ip_show("address", "show")}
        if "UP" not in links["lo"]["flags"]:
            await self._worker.call({"do": "settings", "values": _SETTINGS})
            await self._worker.ip(
                [
                    *LOOPBACK_LINES,
                    *(f"route add local {each} dev lo" for each in PROBER_RANGES),
                    # nothing leaves this machine
                    f"link add {NOWHERE_LINK} type veth peer name nobody",
                    f"link set {NOWHERE_LINK} up",
                    "link set nobody up",
                    f"route add default dev {NOWHERE_LINK}",
                    f"rule add fwmark 0/0xffffffff lookup main preference {_UNMARKED}",
                    f"rule add lookup main preference {_REST}",
                ]
            )
            await self._load("firewall", firewall.ruleset(NetworkPlan(), next(self._names)))
            await self._load("balancer", balancer.ruleset(BalancerPlan(), {}, next(self._names)))
            # these exist once connections are tracked here
            await self._worker.call({"do": "settings", "values": _SETTINGS})

    async def attach_internet(self, pid: int) -> str:
        """Link the router with the internet namespace of this process (the world's numbering); return the router's MAC there."""
        await self._worker.ip([f"link delete {INTERNET_LINK}"], may_fail=True)
        await self._worker.ip(
            [
                (
                    f"link add {INTERNET_LINK} mtu {TRANSIT_MTU} address {mac_address(ROUTER_TRANSIT)} type veth "
                    f"peer name eth0 netns {pid} mtu {TRANSIT_MTU} address {mac_address(INTERNET_TRANSIT)}"
                ),
                f"address add {ROUTER_TRANSIT}/{TRANSIT_PREFIX} dev {INTERNET_LINK}",
                f"link set {INTERNET_LINK} up",
                f"neighbour replace {INTERNET_TRANSIT} lladdr {mac_address(INTERNET_TRANSIT)} dev {INTERNET_LINK} nud permanent",
                f"route replace {CLIENTS} via {INTERNET_TRANSIT} dev {INTERNET_LINK}",
            ]
        )
        return mac_address(ROUTER_TRANSIT)

    async def apply_network(self, plan: NetworkPlan) -> None:
        """Make bridges, gateways and firewall rules what the plan says. Raises ValueError for a plan that cannot be."""
        if plan == self._network:
            return
        _check_ranges(plan)
        await self._apply_bridges(plan)
        await self._load(
            "firewall", firewall.ruleset(plan, next(self._names), await self._present("firewall"))
        )
        self._network = plan

    async def _apply_bridges(self, plan: NetworkPlan) -> None:
        wanted = {bridge_name(each.key): each for each in plan.subnetworks}
        links = await self._worker.ip_show("address", "show", "type", "bridge")
        present = {
            link["ifname"]: {f"{entry['local']}/{entry['prefixlen']}" for entry in link.get("addr_info", ())}
            for link in links
            if link
        }
        lines = [f"link delete {name}" for name in present if name not in wanted]
        for name, subnetwork in wanted.items():
            gateway = f"{subnetwork.gateway}/{ipaddress.IPv4Network(subnetwork.cidr).prefixlen}"
            if name not in present:
                lines.append(
                    f"link add {name} address {mac_address(subnetwork.gateway)} type bridge mcast_snooping 0"
                )
                lines.append(f"link set {name} up")
            lines += [f"address delete {old} dev {name}" for old in present.get(name, set()) - {gateway}]
            if gateway not in present.get(name, set()):
                lines.append(f"address add {gateway} dev {name}")
        # with a permanent neighbour, packets for a machine that is gone vanish instead of bouncing
        neighbours = {each.address: bridge_name(each.subnetwork) for each in plan.interfaces}
        for address, bridge in neighbours.items():
            if self._neighbours.get(address) != bridge and bridge in wanted:
                lines.append(
                    f"neighbour replace {address} lladdr {mac_address(address)} dev {bridge} nud permanent"
                )
        for address, bridge in self._neighbours.items():
            if address not in neighbours and bridge in wanted:
                lines.append(f"neighbour delete {address} dev {bridge}")
        await self._worker.ip(lines)
        self._neighbours = neighbours
        self._subnetworks = {each.key: each for each in plan.subnetworks}

    async def apply_balancer(self, plan: BalancerPlan) -> None:
        """Make tables, chains and routes what the plan says. Raises ValueError for addresses that cannot be."""
        if plan == self._balancer:
            return
        _check_addresses(plan)
        wanted = {mark_of(backend.address) for service in plan.services for backend in service.backends}
        present = await self._present_marks()
        await self._worker.ip(_mark_lines(wanted - present, present))
        self._marks = present | wanted
        rules = balancer.ruleset(
            plan,
            self._tables,
            next(self._names),
            await self._present("balancer"),
            entries=self._entries,
            size=self._table_size,
        )
        self._entries = None  # unknown again if one of the scripts fails
        await self._load("balancer", rules)
        self._tables, self._entries = dict(rules.tables), rules.entries
        await self._worker.ip(_unmark_lines(present - wanted, self._marks))
        self._marks = wanted
        self._balancer = plan

    async def counted(self) -> dict[str, int]:
        """Return how many packets the named counters of the firewall have seen."""
        return await self._worker.nft_counters("firewall")

    async def _present(self, table: str) -> frozenset[str]:
        if table not in self._objects:
            self._objects[table] = await self._worker.nft_objects(table)
        return self._objects[table]

    async def _load(self, table: str, rules: firewall.Ruleset | balancer.Ruleset) -> None:
        self._objects.pop(table, None)  # unknown again if one of the scripts fails
        for fill in rules.fills:
            if isinstance(fill, balancer.Table):
                await self._worker.fill(fill.declaration(), "balancer", fill.name, fill.marks())
            else:
                await self._worker.nft(fill)
        await self._worker.nft(rules.switch)
        self._objects[table] = rules.objects

    async def _present_marks(self) -> set[int]:
        if self._marks is None:
            rules = await self._worker.ip_show("rule", "show")
            self._marks = {int(rule["fwmark"], 16) for rule in rules if _LEAVES <= rule["priority"] < _REST}
        return self._marks


def _leaf(mark: int) -> str:
    return f"fwmark {mark} lookup {mark} preference {_LEAVES + (mark >> _GROUP_BITS)}"


def _group(number: int) -> str:
    mask = 0xFFFFFFFF << _GROUP_BITS & 0xFFFFFFFF
    return f"fwmark {number << _GROUP_BITS}/{mask:#x} goto {_LEAVES + number} preference {_GROUPS}"


def _groups(marks: Iterable[int]) -> set[int]:
    return {mark >> _GROUP_BITS for mark in marks}


def _mark_lines(new: set[int], present: set[int]) -> list[str]:
    """Return the lines that lead packets with these marks to the instances whose addresses they are."""
    lines = [
        line
        for mark in sorted(new)
        for line in (
            f"route replace default via {ipaddress.IPv4Address(mark)} table {mark}",
            f"rule add {_leaf(mark)}",
        )
    ]
    return lines + [f"rule add {_group(number)}" for number in sorted(_groups(new) - _groups(present))]


def _unmark_lines(gone: set[int], present: set[int]) -> list[str]:
    """Return the lines that forget these marks."""
    lines = [f"rule delete {_group(number)}" for number in sorted(_groups(gone) - _groups(present - gone))]
    return lines + [
        line for mark in sorted(gone) for line in (f"rule delete {_leaf(mark)}", f"route flush table {mark}")
    ]


def _check_ranges(plan: NetworkPlan) -> None:
    ranges = [(ipaddress.IPv4Network(each.cidr), each) for each in plan.subnetworks]
    for (first, one), (second, other) in itertools.combinations(ranges, 2):
        if first.overlaps(second):
            msg = (
                f"subnetworks {one.key} ({first}) and {other.key} ({second}) overlap: the local cloud has one router for all networks; "
                "give one of them another ipCidrRange"
            )
            raise ValueError(msg)


def _check_addresses(plan: BalancerPlan) -> None:
    for service in plan.services:
        address = ipaddress.IPv4Address(service.address)
        if address not in ipaddress.IPv4Network(FORWARDED) or address in ipaddress.IPv4Network(
            LOOPBACK, strict=False
        ):
            msg = f"forwarding rule {service.key}: address {address} must be in {FORWARDED} and outside {LOOPBACK}"
            raise ValueError(msg)
