"""A day of a group of a thousand instances in virtual time, against a SimPy model with an event per probe; and what a repair costs."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.section import BenchmarkSection, Row
from localcloud.clock import VirtualClock
from localcloud.control.links import url
from localcloud.control.loop import Controllers
from localcloud.control.simulated_machines import SimulatedMachines
from localcloud.control.simulation import SimulatedFabric
from localcloud.store import Store
from toolchain.cache import Cache
from toolchain.progress import Progress
from toolchain.python_environment import PythonEnvironment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROUNDS = 3
INSTANCES, HOURS = 1000, 24
SMALL = 100
REPAIRED = 10
_FOLDER = Path(__file__).with_name("simulators")
_REGION = "projects/p/regions/europe-west1"
_GROUP = f"{_REGION}/instanceGroupManagers/web"

METHOD = f"""
{ROUNDS} rounds; in each, one after the other, in processes of their own, on one core: {HOURS} hours of a regional group of {INSTANCES:,}
instances behind a balancer, from nothing, watched by both checks (autohealing every 30 s, the balancer's every 5 s). *Simulation*: the
local cloud's own controllers, store and story on a virtual clock, over simulated machines and probers; a probe whose answer cannot
change a verdict any more is no event. *SimPy*: `benchmarks/simulators/event_per_probe.py` (SimPy 4.1.1), each probe an event, and
nothing but booting, probing and counting. Times are of the processor. The last rows: what the repair of {REPAIRED} instances that died at
once takes, from the first failed probe until they serve again, in groups of two sizes, less what the same time takes without."""


@dataclass(frozen=True)
class _Day:
    """What a simulated day took."""

    processor_sec: float
    probes: int


def run() -> BenchmarkSection:
    """Measure.

    Raises:
        ToolchainError: SimPy's environment could not be made.
        subprocess.CalledProcessError: a simulation failed, or its group was not well at the end.
    """
    python = PythonEnvironment("simulators", _FOLDER / "requirements.lock").ensure(
        Cache.default(), Progress()
    )
    command = [str(python / "bin/python"), str(_FOLDER / "event_per_probe.py"), str(INSTANCES), str(HOURS)]
    ours: list[_Day] = []
    theirs: list[_Day] = []
    for _ in range(ROUNDS):
        ours.append(_day([sys.executable, "-m", "benchmarks.simulation", "day"]))
        theirs.append(_day(command))
    small, large = (
        float(_output([sys.executable, "-m", "benchmarks.simulation", "repair", str(size)]))
        for size in (SMALL, INSTANCES)
    )
    ratios = [other.processor_sec / own.processor_sec for own, other in zip(ours, theirs, strict=True)]
    return BenchmarkSection(
        "A simulated day",
        METHOD,
        [
            Row.median("simulation", [day.processor_sec for day in ours], "s", at_most=2.0),
            Row.median("SimPy, an event per probe", [day.processor_sec for day in theirs], "s"),
            Row.ratio("SimPy / simulation", statistics.median(ratios), at_least=5.0),
            Row("probes sent by the simulation", ours[0].probes),
            Row("probes sent by SimPy", theirs[0].probes),
            Row(f"repair of {REPAIRED} of {SMALL}", 1000 * small, "ms"),
            Row(f"repair of {REPAIRED} of {INSTANCES:,}", 1000 * large, "ms"),
        ],
    )


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=_FOLDER.parents[1]).stdout


def _day(command: list[str]) -> _Day:
    return _Day(**json.loads(_output(command)))


class _Cloud:
    """A simulated cloud with one group."""

    def __init__(self, instances: int) -> None:
        self.store, self.clock = Store(), VirtualClock()
        self.machines = SimulatedMachines(self.clock, random.Random(2))  # noqa: S311 - repeatable, not secret
        self.fabric = SimulatedFabric(self.clock, self.machines)
        with self.store.transaction() as change:
            for name, document in _documents(instances).items():
                common = {"name": name.rpartition("/")[2], "selfLink": url(name)}
                change.put("compute/" + name, {**common, **document})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run controllers and probers."""
        rng = random.Random(1)  # noqa: S311 - repeatable, not secret
        controllers = Controllers(self.store, self.clock, self.machines, self.fabric, rng)
        tasks = [asyncio.ensure_future(controllers.run()), asyncio.ensure_future(self.fabric.run())]
        try:
            for _ in range(20):  # until they wait for the clock
                await asyncio.sleep(0)
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def check(self, instances: int) -> None:
        """Raise if not everything is well."""
        (eligible,) = self.fabric.eligible().values()
        group = self.store.get("compute/" + _GROUP)
        if group is None or not group["status"]["isStable"] or len(eligible) != instances:
            raise SystemExit(f"{len(eligible)} of {instances} instances serve at the end")


async def _simulate_day() -> _Day:
    began = time.process_time()
    cloud = _Cloud(INSTANCES)
    async with cloud.running():
        await cloud.clock.advance(HOURS * 3600)
    took = time.process_time() - began
    cloud.check(INSTANCES)
    return _Day(took, cloud.fabric.sent)


async def _simulate_repair(instances: int) -> float:
    """Return the processor time of the repair, in seconds."""
    cloud = _Cloud(instances)
    async with cloud.running():
        await cloud.clock.advance(4000)
        took = []
        for crashed in (0, REPAIRED):
            began = time.process_time()
            for machine in sorted(cloud.machines.guests)[:crashed]:
                await cloud.machines.crash(machine)
            await cloud.clock.advance(900)
            took.append(time.process_time() - began)
        cloud.check(instances)
    return took[1] - took[0]


def _documents(instances: int) -> dict[str, dict[str, Any]]:
    """Return the resources, as the API would have kept them, by relative name."""
    network, group = "projects/p/global/networks/web", url(_GROUP)
    http = {"port": 8080, "requestPath": "/healthz", "proxyHeader": "NONE"}
    check = {"type": "HTTP", "httpHealthCheck": http, "timeoutSec": 5}
    return {
        network: {},
        f"{_REGION}/subnetworks/web": {"network": url(network), "ipCidrRange": "10.128.0.0/20"},
        "projects/p/global/firewalls/web": {
            "network": url(network),
            "priority": 1000,
            "direction": "INGRESS",
            "sourceRanges": ["130.211.0.0/22", "209.85.152.0/22"],
            "allowed": [{"IPProtocol": "tcp", "ports": ["8080"]}],
        },
        "projects/p/global/healthChecks/heal": {
            **check,
            "checkIntervalSec": 30,
            "healthyThreshold": 1,
            "unhealthyThreshold": 5,
        },
        f"{_REGION}/healthChecks/balance": {
            **check,
            "checkIntervalSec": 5,
            "healthyThreshold": 2,
            "unhealthyThreshold": 2,
        },
        "projects/p/global/instanceTemplates/web": {
            "properties": {
                "machineType": "e2-small",
                "networkInterfaces": [{"subnetwork": url(f"{_REGION}/subnetworks/web")}],
            }
        },
        _GROUP: {
            "baseInstanceName": "web",
            "targetSize": instances,
            "versions": [{"instanceTemplate": url("projects/p/global/instanceTemplates/web")}],
            "autoHealingPolicies": [
                {"healthCheck": url("projects/p/global/healthChecks/heal"), "initialDelaySec": 120}
            ],
            "updatePolicy": {"type": "PROACTIVE", "maxSurge": {"fixed": 3}, "maxUnavailable": {"fixed": 0}},
            "status": {"isStable": False, "versionTarget": {"isReached": True}},
        },
        f"{_REGION}/backendServices/web": {
            "protocol": "TCP",
            "loadBalancingScheme": "EXTERNAL",
            "healthChecks": [url(f"{_REGION}/healthChecks/balance")],
            "backends": [{"group": group.replace("instanceGroupManagers", "instanceGroups")}],
        },
        f"{_REGION}/forwardingRules/web": {
            "IPAddress": "127.9.9.10",
            "IPProtocol": "TCP",
            "portRange": "8080-8080",
            "loadBalancingScheme": "EXTERNAL",
            "backendService": url(f"{_REGION}/backendServices/web"),
        },
    }


def _main(what: str, size: int = 0) -> None:
    if what == "day":
        print(json.dumps(asyncio.run(_simulate_day()).__dict__))
    else:
        print(asyncio.run(_simulate_repair(size)))


if __name__ == "__main__":
    _main(sys.argv[1], *map(int, sys.argv[2:]))
