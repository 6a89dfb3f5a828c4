"""What the load balancer costs: the same traffic through it, past it, and through HAProxy in TCP mode, in the same namespaces."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from benchmarks.section import BenchmarkSection, Row
from localcloud.clock import RealClock
from localcloud.dataplane import maglev
from localcloud.dataplane.world import World
from localcloud.home import Home
from localcloud.plans.balancer import Backend, BalancerPlan, VirtualService
from localcloud.plans.network import FirewallRule, NetworkInterface, NetworkPlan, Subnetwork
from localcloud.plans.world import Command, Spawned

ROUNDS = 5
SECONDS = 2.0
BACKENDS = 3
ADDRESS = "127.99.98.1"
PORTS = {"connections": 9000, "bytes": 9001}
PROXY_PORTS = {"connections": 7000, "bytes": 7001}
GENERATOR = (Path(__file__).parent / "load_generator.py").read_text(encoding="utf-8")
SUBNETWORK = Subnetwork(key="bench", network="bench", cidr="10.200.0.0/24", gateway="10.200.0.1")

METHOD = f"""
One client machine and {BACKENDS} backend machines in a subnetwork of a world of its own (`benchmarks/load_generator.py` on the system's
Python in all of them), with a firewall rule in force. {ROUNDS} rounds; in each, one after the other, {SECONDS:g} s each: *direct* (to
the backends' own addresses in turn, through the same router and firewall), *balancer* (to the forwarding rule's address; Maglev table
of {maglev.DEFAULT_SIZE} slots), and *HAProxy* in TCP mode (in the router's namespace, one thread per core, round robin over the same
backends). Connections: 16 lanes, each connects, waits for one byte and resets. Throughput: 6 streams. Ratios are medians of the
rounds' own ratios."""

PROXY = """
global
    maxconn 8000
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
"""


class Bench:
    """A world with a client, backends and a proxy."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._folder = folder
        self._machines: dict[str, Spawned] = {}
        names = ["client", *(f"backend{number}" for number in range(BACKENDS))]
        self._interfaces = {
            name: NetworkInterface(
                instance=name, network="bench", subnetwork="bench", address=f"10.200.0.{index + 2}"
            )
            for index, name in enumerate(names)
        }

    async def prepare(self) -> None:
        """Start everything."""
        allow = FirewallRule(
            name="allow",
            network="bench",
            protocols=(("tcp", ("9000-9001",)),),
            source_ranges=("10.0.0.0/8", "198.18.0.0/16"),
        )
        await self._world.apply_network(
            NetworkPlan(
                subnetworks=(SUBNETWORK,), interfaces=tuple(self._interfaces.values()), firewall=(allow,)
            )
        )
        backends = [interface for name, interface in self._interfaces.items() if name != "client"]
        for interface in backends:
            await self._run(interface, "serve", wait=1)
            await self._world.set_local_addresses(self._machines[interface.instance].pid, (ADDRESS,))
        service = VirtualService(
            key="bench",
            backend_service="bench",
            address=ADDRESS,
            protocol="TCP",
            ports=((9000, 9001),),
            backends=tuple(
                Backend(instance=each.instance, address=each.address, eligible=True) for each in backends
            ),
        )
        await self._world.apply_balancer(BalancerPlan(services=(service,)))
        self._start_proxy([each.address for each in backends])

    async def _run(self, interface: NetworkInterface, *arguments: str, wait: int = 1 << 16) -> bytes:
        """Run the generator in a machine with descriptor 3 as its output; return the first `wait` bytes of it."""
        told, told_there = os.pipe()
        argv = ("/usr/bin/python3", "-c", GENERATOR, *arguments)
        command = Command(argv=argv, env={"PATH": "/usr/bin:/bin"}, fds={1: told_there, 2: 2, 3: told_there})
        self._machines[interface.instance] = await self._world.spawn(
            interface, SUBNETWORK.gateway, 24, command, []
        )
        os.close(told_there)
        with os.fdopen(told, "rb") as stream:
            return await asyncio.to_thread(stream.read, wait)

    def _in_router(self, *command: str) -> list[str]:
        return [
            "nsenter",
            "-t",
            str(self._world.holder_pid),
            "-U",
            "-n",
            "-p",
            "--preserve-credentials",
            *command,
        ]

    def _start_proxy(self, backends: list[str]) -> None:
        config = PROXY
        for kind, port in PROXY_PORTS.items():
            config += f"listen {kind}\n    bind {SUBNETWORK.gateway}:{port}\n    balance roundrobin\n"
            config += "".join(f"    server b{n} {each}:{PORTS[kind]}\n" for n, each in enumerate(backends))
        file = self._folder / "haproxy.cfg"
        file.write_text(config, encoding="utf-8")
        # the router itself accepts nothing; this world is the benchmark's own
        rule = "insert rule ip firewall input tcp dport { 7000, 7001 } accept"
        subprocess.run(self._in_router("nft", rule), check=True)
        # it returns when it listens, and ends with the world
        subprocess.run(self._in_router("haproxy", "-D", "-q", "-f", str(file)), check=True)

    async def measure(self, kind: str, way: str) -> dict[str, float]:
        """Send traffic of one kind one way; return what the generator says."""
        address, port = {
            "direct": (
                ",".join(each.address for name, each in self._interfaces.items() if name != "client"),
                PORTS[kind],
            ),
            "balancer": (ADDRESS, PORTS[kind]),
            "haproxy": (SUBNETWORK.gateway, PROXY_PORTS[kind]),
        }[way]
        client = self._interfaces["client"]
        output = await self._run(client, kind, address, str(port), str(SECONDS))
        await self._world.remove("client", self._machines["client"].pid)
        result: dict[str, float] = json.loads(output)
        return result


Figures = dict[str, dict[str, list[dict[str, float]]]]


async def _measure(folder: Path) -> Figures:
    world = await World.open(Home(folder), RealClock())
    bench = Bench(world, folder)
    try:
        await bench.prepare()
        figures: Figures = {kind: {"direct": [], "balancer": [], "haproxy": []} for kind in PORTS}
        for _ in range(ROUNDS):
            for kind, ways in figures.items():
                for way, results in ways.items():
                    results.append(await bench.measure(kind, way))
        return figures
    finally:
        await world.stop()


def _ratio(figures: Figures, kind: str, field: str, over: str) -> float:
    pairs = zip(figures[kind]["balancer"], figures[kind][over], strict=True)
    return statistics.median(ours[field] / theirs[field] for ours, theirs in pairs)


def run() -> BenchmarkSection:
    """Measure and return ratios first, then what they are made of."""
    folder = Path(tempfile.mkdtemp(prefix="localcloud-bench-"))
    try:
        figures = asyncio.run(_measure(folder))
    finally:
        shutil.rmtree(folder)
    rows = [
        Row.ratio("throughput, balancer / direct", _ratio(figures, "bytes", "gbits", "direct"), at_least=0.9),
        Row.ratio(
            "throughput, balancer / HAProxy", _ratio(figures, "bytes", "gbits", "haproxy"), at_least=1.5
        ),
        Row.ratio(
            "connections, balancer / direct", _ratio(figures, "connections", "rate", "direct"), at_least=0.9
        ),
        Row.ratio(
            "connections, balancer / HAProxy", _ratio(figures, "connections", "rate", "haproxy"), at_least=1.5
        ),
        Row.ratio("p99 of connecting, balancer / direct", _ratio(figures, "connections", "p99", "direct")),
        Row.ratio("p99 of connecting, balancer / HAProxy", _ratio(figures, "connections", "p99", "haproxy")),
    ]
    for way in ("direct", "balancer", "haproxy"):
        results = figures["connections"][way]
        rows.append(
            Row.median(f"throughput, {way}", [each["gbits"] for each in figures["bytes"][way]], "Gbit/s")
        )
        rows.append(Row.median(f"connections, {way}", [each["rate"] for each in results], "/s"))
        rows.append(Row.median(f"p99 of connecting, {way}", [each["p99"] for each in results], "ms"))
    return BenchmarkSection("Load balancer", METHOD, rows)
