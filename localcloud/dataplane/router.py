"""The router's namespace, kept in agreement with the network and balancer plans."""

from __future__ import annotations

import ipaddress
import itertools
from collections import Counter
from typing import TYPE_CHECKING

from localcloud.dataplane import firewall, forwarding, maglev
from localcloud.dataplane.addresses import (
    CLIENTS,
    CLIENTS_IPV6,
    GATEWAY_IPV6,
    INTERNET_LINK,
    INTERNET_TRANSIT,
    INTERNET_TRANSIT_IPV6,
    NOWHERE_LINK,
    PROBER_RANGES,
    PROBER_RANGES_IPV6,
    ROUTER_TRANSIT,
    TRANSIT_MTU,
    TRANSIT_PREFIX,
    bridge_name,
    mac_address,
)
from localcloud.dataplane.family import IPV4, IPV6
from localcloud.dataplane.forwarding import Forwarding
from localcloud.dataplane.kernel import COMMON_SETTINGS, IPV6_SETTINGS, LOOPBACK_LINES
from localcloud.dataplane.rulesets import Rulesets
from localcloud.plans.balancer import BalancerPlan
from localcloud.plans.network import NetworkPlan

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from localcloud.dataplane.family import Family
    from localcloud.dataplane.helpers import Worker
    from localcloud.plans.network import Subnetwork

_SETTINGS = {
    **COMMON_SETTINGS,
    "net/ipv4/ip_forward": "1",
    "net/ipv4/tcp_tw_reuse": "1",
    # who speaks from which address is the firewall's business; the kernel would look up every packet's way back
    "net/ipv4/conf/all/accept_local": "1",
    # machines of a bridge reach each other through the router alone, so bridges need not have the rules looked at as well
    "net/bridge/bridge-nf-call-iptables": "0",
    "net/bridge/bridge-nf-call-ip6tables": "0",
    "net/bridge/bridge-nf-call-arptables": "0",
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
# probes are sent from addresses that are on no link of the router's
_SETTINGS_IPV6 = {**IPV6_SETTINGS, "net/ipv6/conf/all/forwarding": "1", "net/ipv6/ip_nonlocal_bind": "1"}


class Router:
    """Bridges, firewall, balancer tables and routes by mark. All of it can be read back, so a new daemon takes over what it finds."""

    def __init__(self, worker: Worker, table_size: int = maglev.DEFAULT_SIZE, *, ipv6: bool = False) -> None:
        """`ipv6`: whether this machine's kernel has it; without, what plans say of it is left out."""
        self._worker = worker
        self._families = (IPV4, IPV6) if ipv6 else (IPV4,)
        self._rulesets = Rulesets(worker)
        self._forwarding = {
            each: Forwarding(worker, self._rulesets, each, table_size) for each in self._families
        }
        self._network: NetworkPlan | None = None
        self._firewalls: dict[Family, NetworkPlan] = {}
        self._neighbours: dict[str, tuple[str, str]] = {}  # address -> bridge and MAC address

    async def prepare(self) -> None:
        """Set up a fresh router; harmless to an old one."""
        links = {link["ifname"]: link for link in await self._worker.ip_show("address", "show")}
        if "UP" not in links["lo"]["flags"]:
            settings = {"do": "settings", "values": self._settings()}
            await self._worker.call(settings)
            await self._worker.ip(
                [
                    *LOOPBACK_LINES,
                    *(f"route add local {each} dev lo" for each in PROBER_RANGES),
                    # nothing leaves this machine
                    f"link add {NOWHERE_LINK} type veth peer name nobody",
                    f"link set {NOWHERE_LINK} up",
                    "link set nobody up",
                    f"route add default dev {NOWHERE_LINK}",
                    *forwarding.ROUTING_RULES,
                ]
            )
            for family in self._families:
                rules = firewall.ruleset(NetworkPlan(), self._rulesets.generation(), of=family)
                await self._rulesets.load("firewall", family, rules)
                self._firewalls[family] = NetworkPlan()
            await self._forwarding[IPV4].apply(BalancerPlan())
            if IPV6 in self._families:
                await self._worker.ip(
                    [
                        *(f"route add local {each} dev lo" for each in PROBER_RANGES_IPV6),
                        f"route add default dev {NOWHERE_LINK}",
                        *forwarding.ROUTING_RULES,
                    ],
                    ipv6=True,
                )
            # these exist once connections are tracked here
            await self._worker.call(settings)

    def _settings(self) -> dict[str, str]:
        return {**_SETTINGS, **(_SETTINGS_IPV6 if IPV6 in self._families else {})}

    async def attach_internet(self, pid: int) -> str:
        """Link the router with the internet namespace of this process (the world's numbering); return the router's MAC there."""
        await self._worker.ip([f"link delete {INTERNET_LINK}"], may_fail=True)
        there = mac_address(INTERNET_TRANSIT)
        lines = [
            (
                f"link add {INTERNET_LINK} mtu {TRANSIT_MTU} address {mac_address(ROUTER_TRANSIT)} type veth "
                f"peer name eth0 netns {pid} mtu {TRANSIT_MTU} address {there}"
            ),
            f"address add {ROUTER_TRANSIT}/{TRANSIT_PREFIX} dev {INTERNET_LINK}",
            f"link set {INTERNET_LINK} up",
            f"neighbour replace {INTERNET_TRANSIT} lladdr {there} dev {INTERNET_LINK} nud permanent",
            f"route replace {CLIENTS} via {INTERNET_TRANSIT} dev {INTERNET_LINK}",
        ]
        if IPV6 in self._families:
            lines += [
                f"address add {GATEWAY_IPV6}/64 dev {INTERNET_LINK} nodad",
                f"neighbour replace {INTERNET_TRANSIT_IPV6} lladdr {there} dev {INTERNET_LINK} nud permanent",
                f"route replace {CLIENTS_IPV6} via {INTERNET_TRANSIT_IPV6} dev {INTERNET_LINK}",
            ]
        await self._worker.ip(lines)
        return mac_address(ROUTER_TRANSIT)

    async def apply_network(self, plan: NetworkPlan) -> None:
        """Make bridges, gateways and firewall rules what the plan says. Raises ValueError for a plan that cannot be."""
        if plan == self._network:
            return
        _check_ranges(plan)
        await self._apply_bridges(plan)
        for family in self._families:
            own = plan if family is IPV4 else of_ipv6(plan)
            if own != self._firewalls.get(family):
                present = await self._rulesets.present("firewall", family)
                self._firewalls.pop(family, None)
                rules = firewall.ruleset(own, self._rulesets.generation(), present, of=family)
                await self._rulesets.load("firewall", family, rules)
                self._firewalls[family] = own
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
            if name not in present:
                lines.append(
                    f"link add {name} address {mac_address(subnetwork.gateway)} type bridge mcast_snooping 0"
                )
                lines.append(f"link set {name} up")
            lines += self._address_lines(name, subnetwork, present.get(name, set()))
        lines += self._neighbour_lines(plan, wanted.keys())
        await self._worker.ip(lines)

    def _address_lines(self, bridge: str, subnetwork: Subnetwork, present: set[str]) -> list[str]:
        """Return the lines that give a bridge its gateway's addresses, and the subnetwork's IPv6 range its way there."""
        gateway = f"{subnetwork.gateway}/{ipaddress.IPv4Network(subnetwork.cidr).prefixlen}"
        ours = {gateway}
        lines = []
        if IPV6 in self._families and subnetwork.cidr_ipv6:
            ours.add(f"{GATEWAY_IPV6}/64")
            lines.append(f"route replace {subnetwork.cidr_ipv6} dev {bridge}")
            if f"{GATEWAY_IPV6}/64" not in present:
                lines.append(f"address add {GATEWAY_IPV6}/64 dev {bridge} nodad")
        if gateway not in present:
            lines.append(f"address add {gateway} dev {bridge}")
        return [*(f"address delete {old} dev {bridge}" for old in present - ours), *lines]

    def _neighbour_lines(self, plan: NetworkPlan, bridges: AbstractSet[str]) -> list[str]:
        # with a permanent neighbour, packets for a machine that is gone vanish instead of bouncing
        neighbours = {
            address: (bridge_name(each.subnetwork), mac_address(each.address))
            for each in plan.interfaces
            for address in (each.address, each.address_ipv6 if IPV6 in self._families else "")
            if address
        }
        lines = [
            f"neighbour replace {address} lladdr {mac} dev {bridge} nud permanent"
            for address, (bridge, mac) in neighbours.items()
            if bridge in bridges and self._neighbours.get(address) != (bridge, mac)
        ]
        lines += [
            f"neighbour delete {address} dev {bridge}"
            for address, (bridge, _) in self._neighbours.items()
            if address not in neighbours and bridge in bridges
        ]
        self._neighbours = neighbours
        return lines

    async def apply_balancer(self, plan: BalancerPlan) -> None:
        """Make tables, chains and routes what the plan says. Raises ValueError for addresses that cannot be."""
        for family in self._families:
            await self._forwarding[family].apply(forwarding.of_family(plan, family))

    async def counted(self) -> dict[str, int]:
        """Return how many packets the named counters of the firewall have seen."""
        found: Counter[str] = Counter()
        for family in self._families:
            found.update(await self._worker.nft_counters("firewall", family.name))
        return dict(found)


def of_ipv6(plan: NetworkPlan) -> NetworkPlan:
    """Return what a plan has of IPv6: its dual-stack subnetworks and what is in their networks."""
    subnetworks = tuple(each for each in plan.subnetworks if each.cidr_ipv6)
    networks = {each.network for each in subnetworks}
    return NetworkPlan(
        subnetworks=subnetworks,
        interfaces=tuple(each for each in plan.interfaces if each.address_ipv6),
        firewall=tuple(each for each in plan.firewall if each.network in networks),
    )


def _check_ranges(plan: NetworkPlan) -> None:
    for version in (4, 6):
        ranges = [
            (ipaddress.ip_network(cidr), each)
            for each in plan.subnetworks
            if (cidr := each.cidr if version == 4 else each.cidr_ipv6)
        ]
        for (first, one), (second, other) in itertools.combinations(ranges, 2):
            if first.overlaps(second):
                msg = (
                    f"subnetworks {one.key} ({first}) and {other.key} ({second}) overlap: the local cloud has one router for all "
                    "networks; give one of them another ipCidrRange"
                )
                raise ValueError(msg)
