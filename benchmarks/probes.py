"""What probing costs: a thousand endpoints that are probed once a second by several probers, whose own processor time it is.

The prober is the process that sends every probe; what the endpoints' machine spends on answering is its own affair, and not counted.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.section import BenchmarkSection, Row
from localcloud.clock import RealClock
from localcloud.dataplane.namespaces import namespace_inode
from localcloud.dataplane.probing import MOST_PER_SECOND
from localcloud.dataplane.world import World
from localcloud.guest import processes
from localcloud.home import Home
from localcloud.plans.network import FirewallRule, NetworkInterface, NetworkPlan, Subnetwork
from localcloud.plans.probe import PROBERS, ProbeSpec
from localcloud.plans.world import Command

if TYPE_CHECKING:
    from localcloud.plans.probe import ProbeResult

COUNT = 1000
SECONDS = 10
_CORES = 0.5
_SUBNETWORK = Subnetwork(
    key="projects/local/regions/r/subnetworks/s", network="n", cidr="10.0.0.0/20", gateway="10.0.0.1"
)
_OPEN = FirewallRule(name="open", network="n", protocols=(("all", ()),), source_ranges=("0.0.0.0/0",))
_ANSWER = """
import os, selectors, socket
chosen = selectors.DefaultSelector()
listener = socket.create_server(("", 8080), backlog=4096)
chosen.register(listener, selectors.EVENT_READ)
os.write(3, b"r")
while True:
    for key, _ in chosen.select():
        if key.fileobj is listener:
            chosen.register(listener.accept()[0], selectors.EVENT_READ)
            continue
        chosen.unregister(key.fileobj)
        try:
            key.fileobj.recv(4096)
            key.fileobj.send(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
        except OSError:
            pass
        key.fileobj.close()
"""


def run(count: int = COUNT) -> BenchmarkSection:
    """Probe, and report the prober's share of a core."""
    share, results, failed = asyncio.run(_probe(count))
    return BenchmarkSection(
        title="Probing",
        method=(
            f"{count} endpoints that an HTTP health check asks once a second, for {SECONDS} s; the user and system time over real time of "
            f"the process that sends all probes. Up to {PROBERS} probers probe each endpoint, together at most {MOST_PER_SECOND:,} times a "
            "second: with so many endpoints, three."
        ),
        rows=[
            Row("cores that the probers use", share, "", None, f"at most {_CORES:g}", share <= _CORES),
            Row("results per second", results, ""),
            Row("probes that failed", failed, ""),
        ],
    )


async def _probe(count: int) -> tuple[float, float, int]:
    folder = Path(tempfile.mkdtemp(prefix="probe-benchmark-"))
    home = Home(folder)
    home.run.mkdir(parents=True)
    world = await World.open(home, RealClock())
    try:
        interface = NetworkInterface(
            instance="a", network="n", subnetwork=_SUBNETWORK.key, address="10.0.0.2"
        )
        await world.apply_network(
            NetworkPlan(subnetworks=(_SUBNETWORK,), interfaces=(interface,), firewall=(_OPEN,))
        )
        told, told_there = os.pipe()
        command = Command(argv=("/usr/bin/python3", "-ISEc", _ANSWER), fds={3: told_there})
        await world.spawn(interface, _SUBNETWORK.gateway, 20, command, [])
        os.close(told_there)
        await asyncio.to_thread(os.read, told, 1)
        os.close(told)
        results: list[ProbeResult] = []
        await world.apply_probes(frozenset(_spec(number) for number in range(count)), results.append)
        prober = _outside(world.holder_pid, world.prober_pid)
        await asyncio.sleep(2)  # every probe has been sent once
        results.clear()
        before, begin = processes.cpu_seconds(_alone(prober)), time.perf_counter()
        await asyncio.sleep(SECONDS)
        took = time.perf_counter() - begin
        share = (processes.cpu_seconds(_alone(prober)) - before) / took
        return share, len(results) / took, sum(result.outcome != "success" for result in results)
    finally:
        await world.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _outside(holder: int, inner: int | None) -> int:
    """Return the host's number of a process of the world."""
    world = namespace_inode(holder, "pid")
    for pid in processes.Snapshot().stats:
        if processes.inner_number(pid) == inner and namespace_inode(pid, "pid") == world:
            return pid
    msg = f"the world's process {inner} is not to be found"
    raise RuntimeError(msg)


def _alone(pid: int) -> dict[int, processes.Stat]:
    facts = processes.stat(pid)
    return {} if facts is None else {pid: facts}


def _spec(number: int) -> ProbeSpec:
    return ProbeSpec(
        id=f"autohealing|{number}|g", consumer="autohealing", instance="a", instance_address="10.0.0.2", address="10.0.0.2",
        protocol="HTTP", port=8080, interval=1.0, timeout=1.0, path="/",
    )  # fmt: skip
