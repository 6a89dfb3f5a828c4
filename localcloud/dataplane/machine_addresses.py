"""A machine's own addresses, and those of the forwarding rules that it answers to; for processes in its network namespace."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.dataplane.addresses import FORWARDED, GATEWAY_IPV6, LOOPBACK, link_local, mac_address
from localcloud.dataplane.kernel import (
    COMMON_SETTINGS,
    IPV6_SETTINGS,
    LOOPBACK_LINES,
    ip_batch,
    run_tool,
    settings,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORWARDED_BY = "66"  # who made a route: Google's guest agent says so of forwarding rules'


def configure(address: str, gateway: str, address_ipv6: str) -> None:
    """Bring lo and eth0 up, with the machine's address and, unless empty, its IPv6 one; everything else is behind the gateway."""
    settings({**COMMON_SETTINGS, **IPV6_SETTINGS} if address_ipv6 else COMMON_SETTINGS)
    lines = [
        *LOOPBACK_LINES,
        f"address add {address}/32 dev eth0",
        "link set eth0 up",
        f"neighbour replace {gateway} lladdr {mac_address(gateway)} dev eth0 nud permanent",
        f"route add {gateway}/32 dev eth0 scope link src {address}",
        f"route add default via {gateway} dev eth0 src {address}",
    ]
    if address_ipv6:
        lines += [
            f"address add {link_local(mac_address(address))}/64 dev eth0 nodad",
            f"address add {address_ipv6}/128 dev eth0 nodad",
            f"neighbour replace {GATEWAY_IPV6} lladdr {mac_address(gateway)} dev eth0 nud permanent",
            f"route add ::/0 via {GATEWAY_IPV6} dev eth0 src {address_ipv6}",
        ]
    ip_batch(lines)


def answer_to(addresses: Sequence[str]) -> None:
    """Make exactly these forwarding rules' addresses the machine's own: IPv4 ones on its lo, IPv6 ranges by a route, as Google's agent."""
    wanted = {address for address in addresses if ":" not in address}
    ranges = set(addresses) - wanted
    present = {each for each in _on_lo() if _is_forwarded(each)}
    there = _ranges() if _has_ipv6() else set()
    ip_batch(
        [f"address add {address}/32 dev lo" for address in sorted(wanted - present)]
        + [f"address delete {address}/32 dev lo" for address in sorted(present - wanted)]
        + [f"route add local {each} dev lo proto {_FORWARDED_BY}" for each in sorted(ranges - there)]
        + [f"route delete local {each} dev lo proto {_FORWARDED_BY}" for each in sorted(there - ranges)]
    )


def hold(address: str, *, held: bool) -> None:
    """Have an address on lo, or not: what is sent to it then leaves by eth0."""
    if held != (address in _on_lo()):
        ip_batch([f"address {'add' if held else 'delete'} {address}/32 dev lo"])


def _on_lo() -> set[str]:
    shown = json.loads(run_tool(["ip", "-json", "-4", "address", "show", "dev", "lo"]))
    return {entry["local"] for link in shown for entry in link.get("addr_info", ())}


def _is_forwarded(address: str) -> bool:
    parsed = ipaddress.IPv4Address(address)
    return parsed in ipaddress.IPv4Network(FORWARDED) and parsed not in ipaddress.IPv4Network(
        LOOPBACK, strict=False
    )


def _has_ipv6() -> bool:
    """Return whether any interface here has an IPv6 address."""
    try:
        return bool(Path("/proc/net/if_inet6").read_bytes())
    except FileNotFoundError:  # the kernel has no IPv6
        return False


def _ranges() -> set[str]:
    shown = run_tool(["ip", "-json", "-6", "route", "show", "table", "local", "proto", _FORWARDED_BY])
    return {route["dst"] for route in json.loads(shown or "[]")}
