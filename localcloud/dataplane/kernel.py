"""Telling the kernel about links, addresses, routes and packet rules, with the tools that are the reference for it: ip and nft.

Both run in the network namespace of the process that calls them, so these functions are for processes inside the world.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.dataplane.addresses import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterable

ENVIRONMENT = {
    "PATH": "/usr/sbin:/sbin:/usr/local/sbin:" + os.environ.get("PATH", "/usr/bin:/bin"),
    "LC_ALL": "C.UTF-8",
}

# every namespace routes forwarding rules' addresses (127/8) like any other, and answers only for itself
COMMON_SETTINGS = {
    "net/ipv4/conf/all/route_localnet": "1",
    "net/ipv4/conf/default/route_localnet": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/accept_redirects": "0",
    "net/ipv4/conf/default/accept_redirects": "0",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
    "net/ipv6/conf/all/disable_ipv6": "1",
    "net/ipv6/conf/default/disable_ipv6": "1",
    "net/ipv4/ip_unprivileged_port_start": "0",
    "net/ipv4/ping_group_range": "0 0",
}

# where IPv6 is spoken; links get the addresses they are given and no others, at once, and nobody is asked for any
IPV6_SETTINGS = {
    **{
        f"net/ipv6/conf/{link}/{name}": value
        for link in ("default", "all", "eth0")
        for name, value in {
            "addr_gen_mode": "1",
            "accept_dad": "0",
            "accept_ra": "0",
            "accept_redirects": "0",
            "router_solicitations": "0",
            "disable_ipv6": "0",
        }.items()
    },
}

# bringing lo up may or may not put 127.0.0.1/8 on it, which would make forwarding rules' addresses local
LOOPBACK_LINES = (
    "link set lo up",
    "address replace 127.0.0.1/8 dev lo",
    f"address add {LOOPBACK} dev lo",
    "address delete 127.0.0.1/8 dev lo",
)


class KernelRefusedError(RuntimeError):
    """ip or nft said no; the message holds its words and what was asked."""


def run_tool(argv: list[str], text: str = "") -> str:
    """Run ip or nft with this input; return its output. Raises KernelRefusedError."""
    try:
        result = subprocess.run(
            argv, input=text, capture_output=True, text=True, env=ENVIRONMENT, check=False
        )
    except FileNotFoundError as error:
        msg = f"{argv[0]}: not found in {ENVIRONMENT['PATH']}; install it (Debian: apt-get install iproute2 nftables)"
        raise KernelRefusedError(msg) from error
    if result.returncode != 0:
        asked = text if len(text) < 2000 else text[:2000] + "..."
        msg = f"{' '.join(argv)}: {result.stderr.strip()[:2000]}\nasked: {asked}"
        raise KernelRefusedError(msg)
    return result.stdout


def ip_batch(lines: Iterable[str], *, ipv6: bool = False) -> None:
    """Run these ip commands in one go, stopping at the first that fails; `ipv6`: what says nothing of a family is about IPv6."""
    text = "\n".join(lines)
    if text:
        run_tool(["ip", *(["-6"] if ipv6 else []), "-batch", "-"], text + "\n")


def load_rules(script: str) -> None:
    """Have nft load a script as one transaction."""
    run_tool(["nft", "-f", "-"], script)


def settings(values: dict[str, str]) -> None:
    """Write these below /proc/sys; a missing one means the kernel lacks the feature it is about (IPv6), and is skipped."""
    for name, value in values.items():
        file = Path("/proc/sys") / name
        if file.exists():
            file.write_text(value, encoding="ascii")
