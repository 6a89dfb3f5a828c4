"""Maglev tables in the kernel: every slot leads to its backend, and nft still finds words for the rules that it has none for."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

from localcloud.dataplane import maglev, packing
from localcloud.dataplane.family import IPV4, IPV6, Family
from localcloud.dataplane.maglev_table import Table

pytestmark = pytest.mark.kernel

# Run in a network namespace of its own. Packets begin with the mark that their socket has: a slot's number, and its port says which.
# What they are marked with by the table's chains is noted by port. Ports end before a table of 65,537 slots does, so they begin anew.
PROGRAM = r'''
import json, socket, subprocess, sys
from localcloud.dataplane import netlink, packing
from localcloud.dataplane.kernel import load_rules, run_tool

PORTS = 60_000
asked = json.load(sys.stdin)
family, ipv6 = asked["family"], asked["family"] == "ip6"
run_tool(["ip", "link", "set", "lo", "up"])
load_rules(asked["declaration"])
packing.fill("balancer", asked["name"], asked["numbers"], asked["marks"], ipv6=ipv6)
load_rules(f"""
add set {family} balancer seen {{ typeof udp dport . meta mark . ct mark; flags dynamic; size 70000; }}
add chain {family} balancer out {{ type filter hook output priority mangle; }}
add rule {family} balancer out meta l4proto udp {asked["look_up"]}
add rule {family} balancer out meta l4proto udp add @seen {{ udp dport . meta mark . ct mark }} drop
""")
found = []
with socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM) as sock:
    for start in range(0, len(asked["numbers"]), PORTS):
        slots = range(start, min(start + PORTS, len(asked["numbers"])))
        for slot in slots:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, slot)
            try:
                sock.sendto(b"", ("::1" if ipv6 else "127.0.0.1", slot - start + 1))
            except PermissionError:  # this is how it is told that it was dropped
                pass
        shown = json.loads(run_tool(["nft", "--json", "list", "set", family, "balancer", "seen"]))["nftables"]
        (elements,) = [each["set"].get("elem", []) for each in shown if "set" in each]
        marks = {}
        for element in elements:
            port, mark, connection = element["concat"]
            marks.setdefault(port, []).append([mark, connection])
        found += [marks.get(slot - start + 1, []) for slot in slots]
        load_rules(f"flush set {family} balancer seen\n")
words = subprocess.run(["nft", "--json", "list", "ruleset", family], capture_output=True, text=True)
rules = words.stdout.count('{"rule": ')
print(json.dumps({"found": found, "rules": rules, "complaints": words.stderr, "status": words.returncode}))
'''


@dataclass(frozen=True)
class _Seen:
    """What the kernel did: (mark, connection's mark) of each slot's packet, the rules that nft listed, and its complaints and status."""

    found: list[list[list[int]]]
    rules: int
    complaints: str
    status: int


def _seen(table: Table) -> _Seen:
    asked = {
        "family": table.family.name,
        "declaration": table.declaration(),
        "name": table.name,
        "numbers": table.numbers(),
        "marks": table.marks(),
        "look_up": table.look_up(),
    }
    alone = ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-c", PROGRAM]
    done = subprocess.run(alone, input=json.dumps(asked), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return _Seen(**json.loads(done.stdout))


def _table(backends: int, size: int, family: Family = IPV4) -> Table:
    addresses = [f"10.128.{number // 200}.{number % 200 + 2}" for number in range(backends)]
    return Table("x", tuple(addresses[index] for index in maglev.build(addresses, size)), family)


@pytest.mark.parametrize(
    ("backends", "size", "family"),
    [
        (1, 251, IPV4),
        (3, 4_099, IPV4),
        (256, 2_053, IPV6),
        (257, 2_053, IPV4),
        pytest.param(3, maglev.DEFAULT_SIZE, IPV4, marks=pytest.mark.campaign),
        pytest.param(100, maglev.MAX_SIZE, IPV4, marks=pytest.mark.campaign),
        pytest.param(300, maglev.MAX_SIZE, IPV6, marks=pytest.mark.campaign),
    ],
)
def test_every_slot_leads_to_its_backend(backends: int, size: int, family: Family) -> None:
    table = _table(backends, size, family)
    assert len(table.backends) == backends
    seen = _seen(table)
    marks = table.marks()
    assert seen.found == [[[marks[number], marks[number]]] for number in table.numbers()]
    assert (seen.status, seen.complaints) == (0, ""), "others look at the rules too"
    assert seen.rules == packing.positions(backends) + 3, (
        "one for each position, the entrance's, and the test's"
    )
