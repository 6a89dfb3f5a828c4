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
    from localcloud.dataplane.helpers import Worker

_RULE_PREFERENCE = 1000

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
        self._marks: set[int] | None = None

    async def prepare(self) -> None:
        """Set up a fresh router; harmless to an old one."""
        links = {link["ifname"]: link for link in await self._worker.ip_show("address", "show")}
        if "UP" not in links["lo"]["flags"]:
            await self._worker.call({"do": "settings", "values": _SETTINGS})
            await self._worker.ip(
                [
                    *LOOPBACK_LINES,
                    *(f"route add local {each} dev lo" for each in PROBER_RANGES),
                    "route add blackhole default",  # nothing leaves this machine
                ]
            )
            await self._worker.nft(firewall.ruleset(NetworkPlan(), next(self._names)).switch)
            await self._worker.nft(balancer.ruleset(BalancerPlan(), {}, next(self._names)).switch)
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
        names = await self._worker.nft_names("firewall")
        stale = [f"map {name}" for name in names["map"]] + [f"set {name}" for name in names["set"]]
        rules = firewall.ruleset(plan, next(self._names), names["chain"], stale)
        for script in (*rules.fills, rules.switch):
            await self._worker.nft(script)
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
        wanted = {
            mark_of(backend.address): backend.address
            for service in plan.services
            for backend in service.backends
        }
        present = await self._present_marks()
        await self._worker.ip(
            [
                line
                for mark in sorted(wanted.keys() - present)
                for line in (
                    f"route replace default via {wanted[mark]} table {mark}",
                    f"rule add fwmark {mark} lookup {mark} preference {_RULE_PREFERENCE}",
                )
            ]
        )
        self._marks = present | wanted.keys()
        names = await self._worker.nft_names("balancer")
        rules = balancer.ruleset(
            plan,
            self._tables,
            next(self._names),
            size=self._table_size,
            stale_chains=names["chain"],
            stale_maps=names["map"],
        )
        for script in (*rules.fills, rules.switch):
            await self._worker.nft(script)
        self._tables = dict(rules.tables)
        gone = sorted(present - wanted.keys())
        await self._worker.ip(
            [
                line
                for mark in gone
                for line in (
                    f"rule delete fwmark {mark} lookup {mark} preference {_RULE_PREFERENCE}",
                    f"route flush table {mark}",
                )
            ],
            may_fail=True,
        )
        self._marks -= set(gone)
        self._balancer = plan

    async def _present_marks(self) -> set[int]:
        if self._marks is None:
            rules = await self._worker.ip_show("rule", "show")
            self._marks = {
                int(rule["fwmark"], 16) for rule in rules if rule.get("priority") == _RULE_PREFERENCE
            }
        return self._marks


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
