"""How many instances boot in a second, and what each costs in memory: three hundred, all asked for at once.

What is ours of an instance is its sandbox's process and its init, by their proportional share of memory (PSS: what several processes
share is divided among them), when its script has ended. What an instance itself runs is its own.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.boot import SUBNETWORK, define, has_begun, nothing
from benchmarks.section import BenchmarkSection, Row
from localcloud.clock import RealClock
from localcloud.dataplane.world import World
from localcloud.guest import processes
from localcloud.guest.machines import Sandboxes
from localcloud.home import Home
from localcloud.identity import Identities
from localcloud.plans.network import NetworkPlan
from localcloud.store import Store

COUNT = 300
_SAMPLED = 30  # instances whose memory is read
_RATE, _MEMORY = 20.0, 5.0  # instances per second; MiB


def run(count: int = COUNT) -> BenchmarkSection:
    """Boot them, wait for every script, read the memory, and take them away."""
    booted, memory, ended = asyncio.run(_crowd(count))
    rate = count / booted
    return BenchmarkSection(
        title="Many instances at once",
        method=f"{count} instances, asked for at the same moment, until the first line of every one's script; then their memory.",
        rows=[
            Row("until the last script's first line", booted, "s"),
            Row("instances per second", rate, "", None, f"at least {_RATE:g}", rate >= _RATE),
            Row.median("memory of ours in each (PSS)", memory, "MiB", at_most=_MEMORY),
            Row("until all are gone", ended, "s"),
        ],
    )


async def _crowd(count: int) -> tuple[float, list[float], float]:
    folder = Path(tempfile.mkdtemp(prefix="crowd-benchmark-"))
    home, clock, store = Home(folder), RealClock(), Store()
    home.run.mkdir(parents=True)
    world = await World.open(home, clock)
    try:
        await world.apply_network(NetworkPlan(subnetworks=(SUBNETWORK,)))
        machines = Sandboxes(
            home, store, clock, world, Identities(store, clock, "the-benchmarks-token"), nothing
        )
        specs = [define(store, number) for number in range(count)]
        begin = time.perf_counter()
        await asyncio.gather(*(machines.start(spec) for spec in specs))
        for spec in specs:
            while not has_begun(home.instance(spec.id) / "serial.log"):  # noqa: ASYNC110 - the guest tells nobody
                await asyncio.sleep(0.01)
        booted = time.perf_counter() - begin
        memory = [_ours(view.pid) for view in list(machines.observe().values())[:: max(1, count // _SAMPLED)]]
        begin = time.perf_counter()
        await asyncio.gather(*(machines.stop(spec.id, grace=0) for spec in specs))
        return booted, memory, time.perf_counter() - begin
    finally:
        await world.stop()
        store.close()
        shutil.rmtree(folder, ignore_errors=True)


def _ours(init: int) -> float:
    """Return the memory of an init and of its sandbox in MiB."""
    facts = processes.stat(init)
    parents = [facts.parent] if facts is not None else []
    return sum(processes.proportional_memory(pid) for pid in (init, *parents)) / (1 << 20)
