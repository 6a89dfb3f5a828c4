"""VPC firewall rules as an nftables ruleset: from a network plan to a script, without side effects.

Google's evaluation: the lowest priority number decides, deny before allow at equal priority; ingress is denied and egress allowed
when no rule matches; replies to what was allowed are allowed. A packet for an instance is recognised by its mark, which the
balancer or the prober has set to the instance's address, because its destination address may be a forwarding rule's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.dataplane.addresses import (
    CLIENTS,
    FORWARDED,
    INTERNET_LINK,
    NOWHERE_LINK,
    bridge_name,
    label,
    mark_of,
)
from localcloud.dataplane.firewall_match import collapsed, protocol_matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from localcloud.plans.network import FirewallRule, NetworkInterface, NetworkPlan

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

    def __init__(self, generation: str) -> None:
        self._generation = generation
        self.contents: dict[str, tuple[str, frozenset[str]]] = {}

    def of(self, kind: str, elements: frozenset[str]) -> str:
        digest = hashlib.blake2s(" ".join(sorted(elements)).encode(), digest_size=8).hexdigest()
        name = f"{kind[0]}_{digest}_{self._generation}"
        self.contents[name] = (kind, elements)
        return "@" + name


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
        ranges = collapsed(rule.source_ranges or ("0.0.0.0/0",))
        if ranges is not None:
            alternatives.append(f"ip saddr {ranges}" if ranges else "")
    if tagged:
        addresses = frozenset(
            each.address
            for each in interfaces
            if _matches(each, rule.network, rule.source_tags, rule.source_service_accounts, default=False)
        )
        if addresses:
            alternatives.append(f"ip saddr {sets.of('ipv4_addr', addresses)}")
    return alternatives


def _destination_matches(rule: FirewallRule) -> list[str]:
    ranges = collapsed(rule.destination_ranges or ("0.0.0.0/0",))
    if ranges is None:
        return []
    return [f"ip daddr {ranges}" if ranges else ""]


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
        target = f"ip saddr {sets.of('ipv4_addr', frozenset(each.address for each in targets))}"
    verdict = "drop" if rule.action == "deny" else ("accept" if ingress else "return")
    peers = _source_matches(rule, interfaces, sets) if ingress else _destination_matches(rule)
    return [
        " ".join(filter(None, (target, peer, protocol, "counter", verdict)))
        for peer in peers
        for protocol in protocol_matches(rule)
    ]


def _chain(direction: str, network: str, plan: NetworkPlan, sets: _Sets) -> list[str]:
    rules = sorted(
        (rule for rule in plan.firewall if rule.network == network and rule.direction == direction),
        key=lambda rule: (rule.priority, rule.action != "deny", rule.name),
    )
    lines = [line for rule in rules for line in _rule_lines(rule, plan.interfaces, sets)]
    return [*lines, "counter drop" if direction == "INGRESS" else "counter return"]


def _forward_chain(plan: NetworkPlan, generation: str) -> list[str]:
    lines = [
        "ct state { established, related } accept",
        f"meta mark 0 meta mark set ip daddr map @instances_{generation}",
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
    lines.append(f'oifname "{INTERNET_LINK}" ip daddr != {CLIENTS} counter name outside drop')
    lines += [f'oifname "{INTERNET_LINK}" accept', f'oifname "{NOWHERE_LINK}" counter name astray drop']
    return lines


def _bridges(plan: NetworkPlan, network: str) -> list[str]:
    return sorted(bridge_name(each.key) for each in plan.subnetworks if each.network == network)


def _braces(names: Iterable[str]) -> str:
    return "{ " + ", ".join(f'"{name}"' for name in names) + " }"


def ruleset(plan: NetworkPlan, generation: str, present: frozenset[str] = frozenset()) -> Ruleset:
    """Return the scripts that make this plan's firewall rules the ones in force, and remove what an older generation left.

    `generation` makes the names of sets unique; `present` are the objects that the kernel has. Raises ValueError for a rule that
    cannot be expressed.
    """
    sets = _Sets(generation)
    networks = sorted({each.network for each in plan.subnetworks})
    chains: dict[str, list[str]] = {}
    for network in networks:
        chains[f"ingress_{label(network)}"] = _chain("INGRESS", network, plan, sets)
        chains[f"egress_{label(network)}"] = _chain("EGRESS", network, plan, sets)
    bases = {
        "spoofed": ("type filter hook prerouting priority -200; policy accept;", _spoofing_chain(plan)),
        "forward": (
            "type filter hook forward priority filter; policy drop;",
            _forward_chain(plan, generation),
        ),
        # the probers' packets start here, in the router, and pass the same ingress rules
        "output": (
            "type filter hook output priority filter; policy accept;",
            ["ct state { established, related } accept"]
            + [f"oifname {_braces(_bridges(plan, each))} goto ingress_{label(each)}" for each in networks],
        ),
        "input": (
            "type filter hook input priority filter; policy drop;",
            [
                'iifname "lo" accept',
                "ct state { established, related } accept",
                "icmp type echo-request accept",
            ],
        ),
    }
    declared, filled = _fill(plan, generation, sets)
    lines = ["add table ip firewall", *(f"add counter ip firewall {name}" for name in COUNTERS)]
    lines += [f"add chain ip firewall {name} {{ {hook} }}" for name, (hook, _) in bases.items()]
    lines += [f"add chain ip firewall {name}" for name in chains]
    lines += [f"flush chain ip firewall {name}" for name in [*bases, *chains]]
    for name, content in [*((name, content) for name, (_, content) in bases.items()), *chains.items()]:
        lines += [f"add rule ip firewall {name} {line}" for line in content]
    objects = frozenset(
        [f"chain {name}" for name in (*bases, *chains)]
        + [f"map instances_{generation}"]
        + [f"set {name}" for name in sets.contents]
    )
    lines += [f"delete {each.replace(' ', ' ip firewall ')}" for each in sorted(present - objects)]
    if len(filled) <= 1:
        return Ruleset((), "\n".join([*declared, *filled, *lines]) + "\n", objects)
    return Ruleset(("\n".join(declared), *filled), "\n".join(lines) + "\n", objects)


def _spoofing_chain(plan: NetworkPlan) -> list[str]:
    """Machines speak from their subnetwork's addresses and from forwarding rules', from no others."""
    return [
        f'iifname "{bridge_name(each.key)}" ip saddr != {{ {each.cidr}, {FORWARDED} }} counter drop'
        for each in plan.subnetworks
    ]


def _fill(plan: NetworkPlan, generation: str, sets: _Sets) -> tuple[list[str], list[str]]:
    """Return the declarations of all sets, and scripts of at most CHUNK elements that fill them."""
    declared = [
        "add table ip firewall",
        f"add map ip firewall instances_{generation} {{ type ipv4_addr : mark; }}",
    ]
    declared += [
        f"add set ip firewall {name} {{ type {kind}; }}" for name, (kind, _) in sets.contents.items()
    ]
    elements = [
        (f"instances_{generation}", f"{each.address} : {mark_of(each.address):#x}")
        for each in plan.interfaces
    ] + [(name, element) for name, (_, content) in sets.contents.items() for element in sorted(content)]
    scripts = []
    for start in range(0, len(elements), CHUNK):
        grouped: dict[str, list[str]] = {}
        for name, element in elements[start : start + CHUNK]:
            grouped.setdefault(name, []).append(element)
        scripts.append(
            "\n".join(
                f"add element ip firewall {name} {{ {', '.join(content)} }}"
                for name, content in grouped.items()
            )
            + "\n"
        )
    return declared, scripts
