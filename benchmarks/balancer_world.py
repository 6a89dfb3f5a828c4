"""The balancer benchmark's world: a client, backends, a forwarding rule, and rivals in the router."""

from __future__ import annotations

import asyncio
import json
import os
import random
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.rivals import RIVALS, AbsentError, Place
from localcloud.clock import RealClock
from localcloud.dataplane.world import World
from localcloud.home import Home
from localcloud.plans.balancer import Backend, BalancerPlan, VirtualService
from localcloud.plans.network import FirewallRule, NetworkInterface, NetworkPlan, Subnetwork
from localcloud.plans.world import Command, Spawned

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

BACKENDS = 3
ADDRESS = "127.99.98.1"
DIRECT, AT_RANDOM = "direct", "direct at random"
KINDS = {"connections": 9000, "bytes": 9001}  # and the backends' ports for them
GENERATOR = (Path(__file__).parent / "load_generator.py").read_text(encoding="utf-8")
SUBNETWORK = Subnetwork(key="bench", network="bench", cidr="10.200.0.0/24", gateway="10.200.0.1")
_DRAWN = 4999  # choices, after which they begin again
_RIVAL_PORTS = 7000  # and the next ones
_TICKS = os.sysconf("SC_CLK_TCK")


class BenchWorld:
    """A world with a client, backends and perhaps rivals."""

    def __init__(self, world: World, folder: Path, rules: int) -> None:
        self._world, self._folder, self._rules = world, folder, rules
        self._machines: dict[str, Spawned] = {}
        self._rivals: dict[str, dict[str, int]] = {}
        names = ["client", *(f"backend{number}" for number in range(BACKENDS))]
        self._interfaces = {
            name: NetworkInterface(
                instance=name, network="bench", subnetwork="bench", address=f"10.200.0.{index + 2}"
            )
            for index, name in enumerate(names)
        }
        self._backends = [each for name, each in self._interfaces.items() if name != "client"]

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, table_size: int, *, rules: int = 0) -> AsyncIterator[BenchWorld]:
        """Open the world, with so many forwarding rules and firewall rules more than traffic needs; stop it at the end."""
        world = await World.open(Home(folder), RealClock(), table_size=table_size)
        try:
            bench = cls(world, folder, rules)
            await bench.prepare()
            yield bench
        finally:
            await world.stop()

    async def prepare(self) -> None:
        """Start everything."""
        allow = FirewallRule(
            name="allow",
            network="bench",
            protocols=(("tcp", ("9000-9001",)),),
            source_ranges=("10.0.0.0/8", "198.18.0.0/16"),
        )
        others = tuple(
            FirewallRule(
                name=f"other{number}",
                network="bench",
                priority=500,
                protocols=(("tcp", (str(number + 1),)),),
                source_ranges=(f"10.{number}.0.0/16",),
            )
            for number in range(self._rules)
        )
        interfaces = tuple(self._interfaces.values())
        await self._world.apply_network(
            NetworkPlan(subnetworks=(SUBNETWORK,), interfaces=interfaces, firewall=(*others, allow))
        )
        for interface in self._backends:
            await self._run(interface, "serve", wait=1)
            await self._world.set_local_addresses(self._machines[interface.instance].pid, (ADDRESS,))
        services = [self._service("bench", ADDRESS, [each.address for each in self._backends])]
        services += [
            self._service(f"other{number}", f"127.99.97.{number + 1}", [self._backends[0].address])
            for number in range(self._rules)
        ]
        await self._world.apply_balancer(BalancerPlan(services=tuple(services)))

    def _service(self, key: str, address: str, backends: Collection[str]) -> VirtualService:
        return VirtualService(
            key=key,
            backend_service=key,
            address=address,
            protocol="TCP",
            ports=((9000, 9001),),
            backends=tuple(Backend(instance=each, address=each, eligible=True) for each in backends),
        )

    async def balance(self, numbers: Collection[int]) -> None:
        """Balance over instances of these numbers, that need not be there."""
        backends = [f"10.200.0.{number + 100}" for number in numbers]
        await self._world.apply_balancer(BalancerPlan(services=(self._service("bench", ADDRESS, backends),)))

    def start_rivals(self) -> dict[str, str]:
        """Start every rival that is to be had; return why the others are not, by name."""
        # the router itself accepts nothing; this world is the benchmark's own
        place = Place(
            self._folder, SUBNETWORK.gateway, [each.address for each in self._backends], self._in_router
        )
        place.run("nft", "insert rule ip firewall input tcp dport 7000-7099 accept")
        absent = {}
        for index, (name, start) in enumerate(RIVALS.items()):
            ports = {kind: _RIVAL_PORTS + 10 * index + offset for offset, kind in enumerate(KINDS)}
            try:
                start(place, {port: KINDS[kind] for kind, port in ports.items()})
            except AbsentError as error:
                absent[name] = str(error)
            else:
                self._rivals[name] = ports
        return absent

    def ways(self) -> list[str]:
        """Return the ways traffic can go."""
        return [DIRECT, "balancer", *self._rivals]

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
        enter = ["nsenter", "-t", str(self._world.holder_pid), "-U", "-n", "-p", "--preserve-credentials"]
        return [*enter, *command]

    async def measure(self, kind: str, way: str, seconds: float) -> dict[str, float]:
        """Send traffic of one kind one way; return what the generator says, and "cpu": seconds of the machine's per Gbit or connection."""
        backends = [each.address for each in self._backends]
        if way == DIRECT:
            address, port = ",".join(backends), KINDS[kind]
        elif way == AT_RANDOM:
            address, port = ",".join(random.Random(1).choices(backends, k=_DRAWN)), KINDS[kind]  # noqa: S311 - no secret
        elif way == "balancer":
            address, port = ADDRESS, KINDS[kind]
        else:
            address, port = SUBNETWORK.gateway, self._rivals[way][kind]
        client = self._interfaces["client"]
        before = _busy()
        output = await self._run(client, kind, address, str(port), str(seconds))
        busy = _busy() - before
        await self._world.remove("client", self._machines["client"].pid)
        result: dict[str, float] = json.loads(output)
        work = result["gbits" if kind == "bytes" else "rate"] * seconds
        return {**result, "cpu": busy / work}


def _busy() -> float:
    """Return how many seconds this machine's processors have worked since it was started."""
    fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]
    user, nice, system, _, _, interrupts, soft, *_ = map(int, fields)
    return (user + nice + system + interrupts + soft) / _TICKS
