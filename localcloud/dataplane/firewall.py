"""VPC firewall rules as an nftables ruleset: from a network plan to a script, without side effects.

Google's evaluation: the lowest priority number decides, deny before allow at equal priority; ingress is denied and egress allowed
when no rule matches; replies to what was allowed are allowed. A packet for an instance is recognised by its mark, which the
balancer or the prober has set to the instance's address, because its destination address may be a forwarding rule's.

Each address family has a ruleset of its own: a rule with ranges is about the family that these are of, one with tags or service
accounts about both.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.dataplane.addresses import (
    INTERNET_LINK,
    NOWHERE_LINK,
    bridge_name,
    label,
    mark_of,
)
from localcloud.dataplane.family import IPV4, Family
from localcloud.dataplane.firewall_match import collapsed, protocol_matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from localcloud.plans.network import FirewallRule, NetworkInterface, NetworkPlan, Subnetwork

COUNTERS = (
    "astray",
    "outside",
)  # packets to addresses that are nowhere in this cloud, dropped; packets that would have left it
CHUNK = 4000  # elements one transaction takes in an unprivileged namespace, with room to spare


@dataclass(frozen=True)
class Ruleset:
    """Scripts to be loaded in order; only the last, one transaction, changes what happens to packets.

    Afterwards the kernel has `objects` ("chain NAME", "map NAME", "set NAME").
    """

    fills: tuple[str, ...]
    switch: str
    objects: frozenset[str]


class _Sets:
    """Named sets of instances, shared by the rules that mean the same instances."""

    def __init__(self, generation: str, of: Family) -> None:
        self._generation = generation
        self.family = of
        self.contents: dict[str, tuple[str, frozenset[str]]] = {}

    def addresses(self, interfaces: Iterable[NetworkInterface]) -> str:
        """Return the set of these instances' addresses."""
        return self.of(
            self.family.address_type, frozenset(address_of(each, self.family) for each in interfaces)
        )

    def of(self, kind: str, elements: frozenset[str]) -> str:
        """Return the set of these elements, of an nft type."""
        digest = hashlib.blake2s(" ".join(sorted(elements)).encode(), digest_size=8).hexdigest()
        name = f"{kind[0]}_{digest}_{self._generation}"
        self.contents[name] = (kind, elements)
        return "@" + name


def address_of(interface: NetworkInterface, of: Family) -> str:
    """Return an instance's address of a family; empty if it has none."""
    return interface.address if of is IPV4 else interface.address_ipv6


def _matches(
    interface: NetworkInterface,
    network: str,
    tags: frozenset[str],
    service_accounts: frozenset[str],
    *,
    default: bool,
) -> bool:
    if interface.network != network:
        return False
    if not tags and not service_accounts:
        return default
    return bool(tags & interface.tags) or interface.service_account in service_accounts


def _targets(
    rule: FirewallRule, interfaces: Sequence[NetworkInterface]
) -> frozenset[NetworkInterface] | None:
    """Return the instances a rule is about, or None for all of its network."""
    if not rule.target_tags and not rule.target_service_accounts:
        return None
    return frozenset(
        each
        for each in interfaces
        if _matches(each, rule.network, rule.target_tags, rule.target_service_accounts, default=True)
    )


def _source_matches(rule: FirewallRule, interfaces: Sequence[NetworkInterface], sets: _Sets) -> list[str]:
    """Return the alternatives of where an ingress rule's packets come from; "" means anywhere, no alternatives nowhere."""
    tagged = bool(rule.source_tags or rule.source_service_accounts)
    alternatives = []
    if rule.source_ranges or not tagged:
        ranges = collapsed(rule.source_ranges or (IPV4.everything,), sets.family)
        if ranges is not None:
            alternatives.append(f"{sets.family.name} saddr {ranges}" if ranges else "")
    if tagged:
        sources = [
            each
            for each in interfaces
            if _matches(each, rule.network, rule.source_tags, rule.source_service_accounts, default=False)
        ]
        if sources:
            alternatives.append(f"{sets.family.name} saddr {sets.addresses(sources)}")
    return alternatives


def _destination_matches(rule: FirewallRule, of: Family) -> list[str]:
    ranges = collapsed(rule.destination_ranges or (IPV4.everything,), of)
    if ranges is None:
        return []
    return [f"{of.name} daddr {ranges}" if ranges else ""]


def _rule_lines(rule: FirewallRule, interfaces: Sequence[NetworkInterface], sets: _Sets) -> list[str]:
    """Return the nft rules of one firewall rule. An allowed packet leaves an egress chain for the ingress rules that follow."""
    targets = _targets(rule, interfaces)
    if targets is not None and not targets:
        return []
    ingress = rule.direction == "INGRESS"
    target = ""
    if targets is not None and ingress:
        target = f"meta mark {sets.of('mark', frozenset(f'{mark_of(each.address):#x}' for each in targets))}"
    elif targets is not None:
        target = f"{sets.family.name} saddr {sets.addresses(targets)}"
    verdict = "drop" if rule.action == "deny" else ("accept" if ingress else "return")
    peers = _source_matches(rule, interfaces, sets) if ingress else _destination_matches(rule, sets.family)
    return [
        " ".join(filter(None, (target, peer, protocol, "counter", verdict)))
        for peer in peers
        for protocol in protocol_matches(rule, sets.family)
    ]


def _chain(direction: str, network: str, plan: NetworkPlan, sets: _Sets) -> list[str]:
    rules = sorted(
        (rule for rule in plan.firewall if rule.network == network and rule.direction == direction),
        key=lambda rule: (rule.priority, rule.action != "deny", rule.name),
    )
    lines = [line for rule in rules for line in _rule_lines(rule, plan.interfaces, sets)]
    return [*lines, "counter drop" if direction == "INGRESS" else "counter return"]


def _forward_chain(plan: NetworkPlan, generation: str, of: Family) -> list[str]:
    lines = [
        "ct state established,related accept",
        f"meta mark 0 meta mark set {of.name} daddr map @instances_{generation}",
    ]
    networks = sorted({each.network for each in plan.subnetworks})
    for network in networks:
        inside = _bridges(plan, network)
        outside = sorted({bridge_name(each.key) for each in plan.subnetworks} - set(inside))
        if outside:  # networks do not know each other
            lines.append(f"iifname {_braces(inside)} oifname {_braces(outside)} counter drop")
        lines.append(f"iifname {_braces(inside)} jump egress_{label(network)}")
    lines += [
        f"oifname {_braces(_bridges(plan, network))} goto ingress_{label(network)}" for network in networks
    ]
    # nothing but clients of this machine is behind this link, and nothing at all behind the other
    lines.append(f'oifname "{INTERNET_LINK}" {of.name} daddr != {of.clients} counter name outside drop')
    lines += [f'oifname "{INTERNET_LINK}" accept', f'oifname "{NOWHERE_LINK}" counter name astray drop']
    return lines


def _bridges(plan: NetworkPlan, network: str) -> list[str]:
    return sorted(bridge_name(each.key) for each in plan.subnetworks if each.network == network)


def _braces(names: Iterable[str]) -> str:
    return "{ " + ", ".join(f'"{name}"' for name in names) + " }"


def ruleset(
    plan: NetworkPlan, generation: str, present: frozenset[str] = frozenset(), *, of: Family = IPV4
) -> Ruleset:
    """Return the scripts that make this plan's firewall rules the ones in force in a family, and remove what an older generation left.

    `generation` makes the names of sets unique; `present` are the objects that the kernel has. Raises ValueError for a rule that
    cannot be expressed.
    """
    sets = _Sets(generation, of)
    networks = sorted({each.network for each in plan.subnetworks})
    chains: dict[str, list[str]] = {}
    for network in networks:
        chains[f"ingress_{label(network)}"] = _chain("INGRESS", network, plan, sets)
        chains[f"egress_{label(network)}"] = _chain("EGRESS", network, plan, sets)
    bases = {
        "spoofed": ("type filter hook prerouting priority -200; policy accept;", _spoofing_chain(plan, of)),
        "forward": (
            "type filter hook forward priority filter; policy drop;",
            _forward_chain(plan, generation, of),
        ),
        # the probers' packets start here, in the router, and pass the same ingress rules
        "output": (
            "type filter hook output priority filter; policy accept;",
            ["ct state established,related accept"]
            + [f"oifname {_braces(_bridges(plan, each))} goto ingress_{label(each)}" for each in networks],
        ),
        "input": (
            "type filter hook input priority filter; policy drop;",
            [
                'iifname "lo" accept',
                "ct state established,related accept",
                f"{of.icmp_type} {of.neighbourly} accept",
            ],
        ),
    }
    firewall = of.table("firewall")
    declared, filled = _fill(plan, generation, sets)
    lines = [f"add table {firewall}", *(f"add counter {firewall} {name}" for name in COUNTERS)]
    lines += [f"add chain {firewall} {name} {{ {hook} }}" for name, (hook, _) in bases.items()]
    lines += [f"add chain {firewall} {name}" for name in chains]
    lines += [f"flush chain {firewall} {name}" for name in [*bases, *chains]]
    for name, content in [*((name, content) for name, (_, content) in bases.items()), *chains.items()]:
        lines += [f"add rule {firewall} {name} {line}" for line in content]
    objects = frozenset(
        [f"chain {name}" for name in (*bases, *chains)]
        + [f"map instances_{generation}"]
        + [f"set {name}" for name in sets.contents]
    )
    lines += [f"delete {each.replace(' ', f' {firewall} ')}" for each in sorted(present - objects)]
    if len(filled) <= 1:
        return Ruleset((), "\n".join([*declared, *filled, *lines]) + "\n", objects)
    return Ruleset(("\n".join(declared), *filled), "\n".join(lines) + "\n", objects)


def _spoofing_chain(plan: NetworkPlan, of: Family) -> list[str]:
    """Machines speak from their subnetwork's addresses and from forwarding rules', from no others."""
    if of is IPV4:
        ranges = {each.key: ", ".join((*_machines(each), *of.local)) for each in plan.subnetworks}
        rest = ""
    else:
        ranges = {each.key: ", ".join((each.cidr_ipv6, *of.local)) for each in plan.subnetworks}
        rest = of.not_forwarded.format("saddr") + " "
    return [
        f'iifname "{bridge_name(each.key)}" {of.name} saddr != {{ {ranges[each.key]} }} {rest}counter drop'
        for each in plan.subnetworks
    ]


def _machines(subnetwork: Subnetwork) -> list[str]:
    """Return the ranges of a subnetwork's IPv4 addresses that are neither the router's own nor everybody's."""
    network = ipaddress.IPv4Network(subnetwork.cidr)
    gateway = ipaddress.IPv4Address(subnetwork.gateway)
    ranges = ((network.network_address + 1, gateway - 1), (gateway + 1, network.broadcast_address - 1))
    return [f"{first}-{last}" for first, last in ranges if first <= last]


def _fill(plan: NetworkPlan, generation: str, sets: _Sets) -> tuple[list[str], list[str]]:
    """Return the declarations of all sets, and scripts of at most CHUNK elements that fill them."""
    firewall = sets.family.table("firewall")
    declared = [
        f"add table {firewall}",
        f"add map {firewall} instances_{generation} {{ type {sets.family.address_type} : mark; }}",
    ]
    declared += [f"add set {firewall} {name} {{ type {kind}; }}" for name, (kind, _) in sets.contents.items()]
    elements = [
        (f"instances_{generation}", f"{address_of(each, sets.family)} : {mark_of(each.address):#x}")
        for each in plan.interfaces
    ] + [(name, element) for name, (_, content) in sets.contents.items() for element in sorted(content)]
    scripts = []
    for start in range(0, len(elements), CHUNK):
        grouped: dict[str, list[str]] = {}
        for name, element in elements[start : start + CHUNK]:
            grouped.setdefault(name, []).append(element)
        scripts.append(
            "\n".join(
                f"add element {firewall} {name} {{ {', '.join(content)} }}"
                for name, content in grouped.items()
            )
            + "\n"
        )
    return declared, scripts
