"""How a packet finds its service: the maps from its destination, the rules of the hook, and what some rules take from others.

The packets of connections that backends keep anyway are recognised at once, before anybody asks whose they are: most packets are.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from localcloud.dataplane import sessions
from localcloud.dataplane.addresses import first_address, label, mark_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from localcloud.dataplane.family import Family
    from localcloud.plans.balancer import Backend, BalancerPlan, VirtualService

Frontend = tuple[object, ...]  # a rule's address, protocol and ports

NO_SYN = "tcp flags & (syn | ack) != syn "
_SINGLE_PORTS = (
    16  # a range of up to so many ports is looked up port by port, which is faster than as a range
)
_RECOGNISED = 1000  # kept connections' ports and backends that are recognised at once; a transaction takes some thousands of entries


def of_service(service: VirtualService) -> Frontend:
    """Return a service's frontend."""
    return service.address, service.protocol, service.ports


def selectors(service: VirtualService) -> list[tuple[str, str]]:
    """Return (map, key) of each entry that leads packets to the service."""
    address = first_address(service.address)
    if service.protocol == "L3_DEFAULT":
        return [("whole", address)]
    prefix = f"{address} . {service.protocol.lower()} . "
    found = []
    for low, high in service.ports or ((0, 65535),):
        if high - low < _SINGLE_PORTS:
            found += [("ports", f"{prefix}{port}") for port in range(low, high + 1)]
        else:
            found.append(("ranges", f"{prefix}{low}-{high}"))
    return found


def steering(plan: BalancerPlan) -> dict[Frontend, list[str]]:
    """Return, by frontend, the lines that send what some rules take from the others to these, the most specific ranges first."""
    found: dict[Frontend, dict[int, dict[str, list[str]]]] = {}
    for service in plan.services:
        for each in service.sources:
            lengths = found.setdefault(of_service(service), {})
            chains = lengths.setdefault(ipaddress.ip_network(each).prefixlen, {})
            chains.setdefault(f"service_{label(service.key)}", []).append(each)
    return {
        frontend: [
            f"{'ip6' if ':' in ranges[0] else 'ip'} saddr {{ {', '.join(ranges)} }} goto {chain}"
            for _, chains in sorted(lengths.items(), reverse=True)
            for chain, ranges in chains.items()
        ]
        for frontend, lengths in found.items()
    }


def kept_flows(service: VirtualService, keeping: Iterable[Backend]) -> list[str]:
    """Return by what the packets of TCP connections are known that these backends keep: destination, port, mark.

    None are known of a service that has something else to do with them, or of one with more ports than are looked up one by one.
    """
    found = selectors(service)
    if (
        service.protocol != "TCP"
        or sessions.of(service) is not None
        or any(which != "ports" for which, _ in found)
    ):
        return []
    marks = [f"{mark_of(each.address):#x}" for each in keeping]
    return [f"{key.replace(' . tcp . ', ' . ')} . {mark}" for _, key in found for mark in marks]


class Recognised:
    """The kept connections that the hook knows, of as many services as there is room for."""

    def __init__(self) -> None:
        self.flows: dict[str, None] = {}

    def add(self, flows: Sequence[str]) -> bool:
        """Have these known too; return whether they are."""
        if not flows or len(self.flows) + len(flows) > _RECOGNISED:
            return False
        self.flows.update(dict.fromkeys(flows))
        return True


def maps(of: Family) -> list[str]:
    """Return the lines that make the maps from a packet's destination to its service, and empty them."""
    balancer = of.table("balancer")
    port = f"type {of.address_type} . inet_proto . inet_service : verdict;"
    return [
        f"add map {balancer} ports {{ {port} }}",
        f"add map {balancer} ranges {{ {port} flags interval; }}",
        f"add map {balancer} whole {{ type {of.address_type} : verdict; }}",
        *(f"flush map {balancer} {which}" for which in ("ports", "ranges", "whole")),
    ]


def hook(needed: Iterable[str], recognised: Recognised, of: Family) -> list[str]:
    """Return the lines that make the hook's chain: what is no rule's passes, what is kept goes on; of the maps the cheapest comes first."""
    balancer = of.table("balancer")
    by_port = f"{of.destination} . {of.protocol} . th dport vmap"
    find = {
        "ports": f"{by_port} @ports",
        "ranges": f"{by_port} @ranges",
        "whole": f"{of.destination} vmap @whole",
    }
    rules = [f"{of.not_forwarded.format('daddr')} accept"]
    if recognised.flows:
        flows = f"{of.destination} . tcp dport . ct mark {{ {', '.join(recognised.flows)} }}"
        rules.append(f"{NO_SYN}{flows} meta mark set ct mark accept")
    rules += [find[which] for which in needed]
    # an ICMP error about a connection goes where the connection goes
    rules.append(f"{of.protocol} {of.icmp} ct state related ct mark != 0 meta mark set ct mark accept")
    rules += ['iif "lo" accept', "counter drop"]
    return [
        f"add chain {balancer} arrive {{ type filter hook prerouting priority mangle; policy accept; }}",
        f"flush chain {balancer} arrive",
        *(f"add rule {balancer} arrive {rule}" for rule in rules),
    ]
