"""What the load balancer costs: the same traffic through it, past it, and through other balancers, in the same namespaces."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.balancer_world import AT_RANDOM, BACKENDS, DIRECT, KINDS, BenchWorld
from benchmarks.section import BenchmarkSection, Row
from localcloud.dataplane import maglev

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDS = 15
SECONDS = 1.0
SIZES = (251, 65_521)  # beside the default
MANY = 100  # forwarding rules, and as many firewall rules
CHANGES = 5
PROXIES = ("HAProxy", "nginx")

METHOD = f"""
One client machine and {BACKENDS} backend machines in a subnetwork of a world of its own (`benchmarks/load_generator.py` on the system's
Python in all of them), with a firewall rule in force. {ROUNDS} rounds; in each, one after the other, {SECONDS:g} s each, every other
round backwards: *direct* (to the backends' own addresses in turn, through the same router and firewall), *balancer* (to the forwarding
rule's address; Maglev table of {maglev.DEFAULT_SIZE} slots), and the others, in the router's namespace over the same backends: *HAProxy*
in TCP mode and *nginx*'s stream module (Debian's), one thread or process per core, and *IPVS*. Connections: 16 lanes, each connects,
waits for one byte and resets. Throughput: 6 streams. Ratios are medians of the rounds' own ratios. CPU is the whole machine's
(`/proc/stat`) per gigabit or connection; a balancer's own is the excess over the direct way, this one's over the direct way
that chooses as it does. The balancer is measured again with tables
of {SIZES[0]} and {SIZES[1]} slots, and with {MANY} forwarding rules and {MANY} firewall rules (as many rounds each). A change of
backends is in force when `apply_balancer` returns; with "half", half of the backends leave or come, which makes another table.

What bounds the connections is the client, a single thread that keeps its core busy, on which the kernel also takes each packet to
the backend's socket: a microsecond more on the way to a backend is a microsecond less for it, while the other core has time left. A hash
may send two connections to one backend while another has none, which a proxy need not: *direct at random* chooses among the backends'
own addresses as blindly, and shows what that is worth (backends are woken less often)."""


@dataclass
class Figures:
    """What was measured: by kind of traffic and way, one value per round of each field."""

    results: dict[str, dict[str, list[dict[str, float]]]] = field(default_factory=dict)

    def add(self, kind: str, way: str, result: dict[str, float]) -> None:
        """Keep one measurement."""
        self.results.setdefault(kind, {}).setdefault(way, []).append(result)

    def ratio(
        self,
        name: str,
        kind: str,
        what: str,
        over: str,
        way: str = "balancer",
        *,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> Row:
        """Return the median of the rounds' own ratios, with their spread."""
        pairs = zip(self.results[kind][way], self.results[kind][over], strict=True)
        found = [ours[what] / theirs[what] for ours, theirs in pairs]
        spread = min(found), max(found)
        return Row.ratio(name, statistics.median(found), at_least=at_least, at_most=at_most, spread=spread)

    def excess(self, kind: str, way: str, over: str) -> float:
        """Return the median CPU time that a way costs beyond a direct one, per unit of work."""
        pairs = zip(self.results[kind][way], self.results[kind][over], strict=True)
        return statistics.median(one["cpu"] - direct["cpu"] for one, direct in pairs)


async def _rounds(world: BenchWorld, ways: Sequence[str], rounds: int) -> Figures:
    figures = Figures()
    for number in range(rounds):
        for kind in KINDS:
            # an unequal share-out of a few streams says nothing: that way is for connections
            taken = [way for way in ways if way != AT_RANDOM or kind == "connections"]
            for way in taken if number % 2 == 0 else reversed(taken):
                figures.add(kind, way, await world.measure(kind, way, SECONDS))
    return figures


async def _compare(folder: Path) -> tuple[Figures, dict[str, str]]:
    async with BenchWorld.running(folder, maglev.DEFAULT_SIZE) as world:
        absent = world.start_rivals()
        return await _rounds(world, [*world.ways(), AT_RANDOM], ROUNDS), absent


async def _variant(folder: Path, size: int, rules: int) -> Figures:
    async with BenchWorld.running(folder, size, rules=rules) as world:
        return await _rounds(world, (DIRECT, "balancer"), ROUNDS)


async def _changes(folder: Path, size: int) -> dict[str, list[float]]:
    """Return how long it takes until changes of backends are in force, in milliseconds: of one of twenty, and of half of them."""
    found: dict[str, list[float]] = {"one": [], "half": []}
    async with BenchWorld.running(folder, size) as world:
        await world.balance(range(20))
        for _ in range(CHANGES):
            for what, backends in (
                ("one", range(19)),
                ("one", range(20)),
                ("half", range(10)),
                ("half", range(20)),
            ):
                started = time.perf_counter()
                await world.balance(backends)
                found[what].append((time.perf_counter() - started) * 1e3)
    return found


def _rows(figures: Figures) -> list[Row]:
    """Return what is compared with the direct way and with the rivals that were there."""
    rows = _against_direct(figures, "")
    rows += [
        figures.ratio("connections, direct at random / direct", "connections", "rate", DIRECT, AT_RANDOM),
        figures.ratio("connections, balancer / direct at random", "connections", "rate", AT_RANDOM),
    ]
    ways = [way for way in figures.results["bytes"] if way not in {DIRECT, "balancer"}]
    for way in ways:
        rows += [
            figures.ratio(f"throughput, balancer / {way}", "bytes", "gbits", way),
            figures.ratio(f"connections, balancer / {way}", "connections", "rate", way),
            figures.ratio(f"p99 of connecting, balancer / {way}", "connections", "p99", way),
        ]
    proxies = [way for way in ways if way in PROXIES]
    for kind, what, likewise in (
        ("bytes", "throughput", DIRECT),
        ("connections", "connections", AT_RANDOM),
    ):
        if proxies:
            best = min(figures.excess(kind, way, DIRECT) for way in proxies)
            own = figures.excess(kind, "balancer", likewise)
            rows.append(Row.ratio(f"own CPU for {what}, balancer / best proxy", own / best, at_most=0.2))
    for way in (DIRECT, "balancer", *ways):
        transfers = figures.results["bytes"][way]
        rows += [
            Row.median(f"throughput, {way}", [each["gbits"] for each in transfers], "Gbit/s"),
            Row.median(f"CPU per Gbit, {way}", [each["cpu"] * 1e3 for each in transfers], "ms"),
        ]
    for way in (DIRECT, AT_RANDOM, "balancer", *ways):
        connections = figures.results["connections"][way]
        rows += [
            Row.median(f"connections, {way}", [each["rate"] for each in connections], "/s"),
            Row.median(f"p99 of connecting, {way}", [each["p99"] for each in connections], "ms"),
            Row.median(f"CPU per connection, {way}", [each["cpu"] * 1e6 for each in connections], "us"),
            Row.median(f"cores that the client uses, {way}", [each["busy"] for each in connections], ""),
        ]
    return rows


def _against_direct(figures: Figures, variant: str) -> list[Row]:
    """Return what the balancer is held to, with these words behind it."""
    return [
        figures.ratio(f"throughput, balancer / direct{variant}", "bytes", "gbits", DIRECT, at_least=0.97),
        figures.ratio(
            f"connections, balancer / direct{variant}", "connections", "rate", DIRECT, at_least=0.97
        ),
        figures.ratio(
            f"p99 of connecting, balancer / direct{variant}", "connections", "p99", DIRECT, at_most=1.05
        ),
    ]


def run() -> BenchmarkSection:
    """Measure and return ratios first, then what they are made of."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="localcloud-bench-") as folder:
        figures, absent = asyncio.run(_compare(Path(folder)))
    for name, why in absent.items():
        print(f"  NOT MEASURED: {name}: {why}", file=sys.stderr)
    rows += _rows(figures)
    variants = [(f"{size} slots", size, 0) for size in SIZES]
    for name, size, rules in [*variants, (f"{MANY} rules of each kind", maglev.DEFAULT_SIZE, MANY)]:
        with tempfile.TemporaryDirectory(prefix="localcloud-bench-") as folder:
            figures = asyncio.run(_variant(Path(folder), size, rules))
        rows += _against_direct(figures, f", {name}")
    for size, at_most in ((maglev.DEFAULT_SIZE, 100.0), (maglev.MAX_SIZE, 300.0)):
        with tempfile.TemporaryDirectory(prefix="localcloud-bench-") as folder:
            changes = asyncio.run(_changes(Path(folder), size))
        rows += [
            Row.median(
                f"change of {what} of 20 backends in force, {size} slots", values, "ms", at_most=at_most
            )
            for what, values in changes.items()
        ]
    missing = "".join(f" Not measured: {name} ({why})." for name, why in absent.items())
    return BenchmarkSection("Load balancer", METHOD + missing, rows)
