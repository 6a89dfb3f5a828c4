"""How long an instance takes from the request to its start-up script's first line, against a bare `bwrap true`.

The request is `Machines.start`; the first line is seen in the serial port's file, as `localcloud logs` would show it. What is
measured is the whole of it: disk, network namespace, sandbox, init, metadata server, script.
"""

from __future__ import annotations

import asyncio
import ipaddress
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.section import BenchmarkSection, Row
from localcloud.clock import RealClock
from localcloud.dataplane.world import World
from localcloud.guest.machines import Sandboxes
from localcloud.home import Home
from localcloud.identity import Identities
from localcloud.plans.machine import MachineSpec
from localcloud.plans.network import NetworkInterface, NetworkPlan, Subnetwork
from localcloud.store import Store

if TYPE_CHECKING:
    from localcloud.guest.listener import Receive, Scope, Send

ROUNDS = 20
TARGET, LATE = 150.0, 125.0  # ms: median, 95th percentile
SUBNETWORK = Subnetwork(
    key="projects/local/regions/r/subnetworks/s", network="n", cidr="10.0.0.0/20", gateway="10.0.0.1"
)
_ZONE = "projects/local/zones/europe-west1-b"
_BARE = [
    *(
        "bwrap",
        "--ro-bind",
        "/usr",
        "/usr",
        "--symlink",
        "usr/lib",
        "/lib",
        "--symlink",
        "usr/lib64",
        "/lib64",
    ),
    *(
        "--unshare-user",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "/usr/bin/true",
    ),
]


def run() -> BenchmarkSection:
    """Boot instances one after the other and report the medians."""
    bare = [_bare() for _ in range(ROUNDS)]
    boots, stops = asyncio.run(_boots())
    late = sorted(boots)[int(0.95 * (len(boots) - 1))]
    return BenchmarkSection(
        title="Instance boot",
        method=f"{ROUNDS} instances, one after the other; the script's first line as it appears on the serial port.",
        rows=[
            Row.median("request to the script's first line", boots, "ms", at_most=TARGET),
            Row("95th percentile of the same", late, "ms", None, f"at most {LATE:g} ms", late <= LATE),
            Row.median("bare bwrap true", bare, "ms"),
            Row.ratio("boot over bare bwrap", sorted(boots)[len(boots) // 2] / sorted(bare)[len(bare) // 2]),
            Row.median("removal without grace", stops, "ms"),
        ],
    )


def _bare() -> float:
    begin = time.perf_counter()
    subprocess.run(_BARE, check=True)
    return (time.perf_counter() - begin) * 1000


async def _boots() -> tuple[list[float], list[float]]:
    folder = Path(tempfile.mkdtemp(prefix="boot-benchmark-"))
    home, clock, store = Home(folder), RealClock(), Store()
    home.run.mkdir(parents=True)
    world = await World.open(home, clock)
    boots, stops = [], []
    try:
        await world.apply_network(NetworkPlan(subnetworks=(SUBNETWORK,)))
        machines = Sandboxes(
            home, store, clock, world, Identities(store, clock, "the-benchmarks-token"), nothing
        )
        for number in range(ROUNDS):
            spec = define(store, number)
            begin = time.perf_counter()
            await machines.start(spec)
            boots.append((await _first_line(home.instance(spec.id) / "serial.log") - begin) * 1000)
            begin = time.perf_counter()
            await machines.stop(spec.id, grace=0)
            stops.append((time.perf_counter() - begin) * 1000)
    finally:
        await world.stop()
        store.close()
        shutil.rmtree(folder, ignore_errors=True)
    return boots, stops


async def _first_line(serial: Path) -> float:
    while not has_begun(serial):  # noqa: ASYNC110 - the guest writes a file and tells nobody
        await asyncio.sleep(0.0005)
    return time.perf_counter()


def has_begun(serial: Path) -> bool:
    """Whether the script's first line is on the serial port."""
    return b"startup-script: first" in serial.read_bytes()


def define(store: Store, number: int) -> MachineSpec:
    """Put an instance with a script of one line into the store; return its machine."""
    name = f"boot-{number}"
    document = {
        "id": str(1000 + number),
        "name": name,
        "selfLink": f"https://www.googleapis.com/compute/v1/{_ZONE}/instances/{name}",
        "zone": f"https://www.googleapis.com/compute/v1/{_ZONE}",
        "machineType": f"https://www.googleapis.com/compute/v1/{_ZONE}/machineTypes/e2-small",
        "metadata": {"items": [{"key": "startup-script", "value": "#!/bin/sh\necho first\n"}]},
    }
    key = f"compute/{_ZONE}/instances/{name}"
    with store.transaction() as change:
        change.put(key, document)
    interface = NetworkInterface(
        instance=name,
        network="n",
        subnetwork=SUBNETWORK.key,
        address=str(ipaddress.ip_address("10.0.0.2") + number),
    )
    return MachineSpec(
        key=key,
        name=name,
        id=document["id"] if isinstance(document["id"], str) else "",
        zone="europe-west1-b",
        interface=interface,
        gateway=SUBNETWORK.gateway,
        forwarded_addresses=(),
        memory_mib=1024,
        vcpus=1.0,
    )


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Stand where the API is in a cloud; these scripts do not call it."""
    del scope, receive
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})
