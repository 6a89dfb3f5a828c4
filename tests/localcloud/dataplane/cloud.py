"""A small world for these tests: one network, machines that answer, a forwarding rule, and clients on the host."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from localcloud.clock import RealClock
from localcloud.dataplane import maglev
from localcloud.dataplane.namespaces import namespace_inode, start_time
from localcloud.dataplane.world import World
from localcloud.home import Home
from localcloud.plans.balancer import Backend, BalancerPlan, VirtualService
from localcloud.plans.network import FirewallRule, NetworkInterface, NetworkPlan, Subnetwork
from localcloud.plans.probe import ProbeResult, ProbeSpec
from localcloud.plans.world import Command, Spawned

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Sequence

    from localcloud.dataplane.vigil import Vigil
    from localcloud.plans.fault import LinkFault

NETWORK = "projects/local/global/networks/default"
SUBNETWORK = Subnetwork(
    key="projects/local/regions/r/subnetworks/default",
    network=NETWORK,
    cidr="10.128.0.0/20",
    gateway="10.128.0.1",
)
OPEN = FirewallRule(name="open", network=NETWORK, protocols=(("all", ()),), source_ranges=("0.0.0.0/0",))
SERVER = (Path(__file__).parent / "answering.py").read_text(encoding="utf-8")
PYTHON = "/usr/bin/python3"
CLOUD_SPEED = 10.0
PATIENCE = 120.0  # real seconds: fails a test that hangs, and nothing else


def rule_address() -> str:
    """Return an address for a forwarding rule that no other test run on this machine is likely to use at the same time."""
    pid = os.getpid()
    return f"127.{100 + pid % 100}.{pid // 100 % 256}.1"


def inhabitants(kind: str, namespace: int) -> list[str]:
    """Return the processes in a namespace; one that has ended and waits for the host's init to reap it is none any more."""
    numbers = [each.name for each in Path("/proc").iterdir() if each.name.isdigit()]
    return [
        each
        for each in numbers
        if namespace_inode(each, kind) == namespace and start_time(int(each)) is not None
    ]


class Cloud:
    """What a test works with."""

    subnetwork = SUBNETWORK

    def __init__(self, world: World) -> None:
        self.world = world
        self.address = rule_address()
        self.interfaces: dict[str, NetworkInterface] = {}
        self.machines: dict[str, Spawned] = {}
        self.firewall: tuple[FirewallRule, ...] = (OPEN,)
        self.faults: tuple[LinkFault, ...] = ()
        self.weights: dict[str, int] = {}
        self.keeps: dict[str, Literal["always", "never", "unhealthy"]] = {}
        self.clients: list[Client] = []
        self.results: asyncio.Queue[ProbeResult] = asyncio.Queue()

    def interface(self, name: str, **fields: object) -> NetworkInterface:
        """Give a machine its place in the network."""
        address = f"10.128.0.{len(self.interfaces) + 2}"
        interface = NetworkInterface(
            instance=name, network=NETWORK, subnetwork=SUBNETWORK.key, address=address
        )
        self.interfaces[name] = replace(interface, **fields)  # type: ignore[arg-type]  # as below
        return self.interfaces[name]

    async def apply_network(self, *firewall: FirewallRule) -> None:
        """Put interfaces and firewall rules into force (none given: everything is allowed)."""
        self.firewall = firewall or self.firewall
        await self.world.apply_network(
            NetworkPlan(
                subnetworks=(self.subnetwork,),
                interfaces=tuple(self.interfaces.values()),
                firewall=self.firewall,
                faults=self.faults,
            )
        )

    async def break_links(self, *faults: LinkFault) -> None:
        """Put exactly these faults into force."""
        self.faults = faults
        await self.apply_network()
        assert self.world.problems() == {}

    async def begin(
        self,
        name: str,
        program: str,
        fds: dict[int, int],
        *arguments: str,
        listeners: Sequence[tuple[str, int]] = (),
    ) -> Spawned:
        """Start a Python program as a machine of this name, with these descriptors."""
        interface = self.interfaces.get(name) or self.interface(name)
        await self.apply_network()
        command = Command(argv=(PYTHON, "-c", program, *arguments), env={"PATH": "/usr/bin:/bin"}, fds=fds)
        return await self.world.spawn(interface, SUBNETWORK.gateway, 20, command, listeners)

    async def execute(
        self, name: str, program: str, *arguments: str, listeners: Sequence[tuple[str, int]] = ()
    ) -> str:
        """Run a Python program as a machine of this name, and return what it prints."""
        told, told_there = os.pipe()
        spawned = await self.begin(name, program, {1: told_there, 2: 2}, *arguments, listeners=listeners)
        os.close(told_there)
        with os.fdopen(told) as stream:
            printed = await asyncio.to_thread(stream.read)
        for listener in spawned.listeners:
            listener.close()
        await self.world.remove(name, spawned.pid)
        return printed

    async def start(self, *names: str) -> None:
        """Start machines that answer on port 8080, with the forwarding rule's address on them; return when they listen."""
        for name in names:
            if name not in self.interfaces:
                self.interface(name)
        await self.apply_network()
        for name in names:
            ready, ready_there = os.pipe()
            interface = self.interfaces[name]
            command = Command(
                argv=(PYTHON, "-c", SERVER, name, interface.address, self.address),
                env={"PATH": "/usr/bin:/bin"},
                fds={3: ready_there},
            )
            # the address first: the server binds it
            command = replace(command, argv=("/bin/sh", "-c", 'read _ <&4; exec "$@"', "sh", *command.argv))
            gate, gate_there = os.pipe()
            command = replace(command, fds={3: ready_there, 4: gate})
            self.machines[name] = await self.world.spawn(interface, SUBNETWORK.gateway, 20, command, [])
            await self.world.set_local_addresses(self.machines[name].pid, (self.address,))
            os.write(gate_there, b"\n")
            for descriptor in (ready_there, gate, gate_there):
                os.close(descriptor)
            assert await asyncio.to_thread(os.read, ready, 1) == b"r", f"{name} does not listen"
            os.close(ready)

    def service(self, *eligible: str, **fields: object) -> VirtualService:
        """Return the forwarding rule for TCP 8080 with all machines behind it, of which these get new connections."""
        service = VirtualService(
            key="projects/local/regions/r/forwardingRules/web",
            backend_service="projects/local/regions/r/backendServices/web",
            address=self.address,
            protocol="TCP",
            ports=((8080, 8080),),
            backends=tuple(
                Backend(
                    instance=name,
                    address=self.interfaces[name].address,
                    eligible=name in eligible,
                    weight=self.weights.get(name, 1),
                    keeps=self.keeps.get(name, "unhealthy"),
                )
                for name in self.machines
            ),
        )
        return replace(service, **fields)  # type: ignore[arg-type]  # whatever fields a test is about

    async def balance(self, *eligible: str, **fields: object) -> None:
        """Put the forwarding rule into force."""
        await self.world.apply_balancer(BalancerPlan(services=(self.service(*eligible, **fields),)))

    def probe(self, consumer: str, name: str, **fields: object) -> ProbeSpec:
        """Return an HTTP probe of a machine: every cloud second, with half of one for the answer."""
        interface = self.interfaces[name]
        defaults: dict[str, Any] = {
            "id": f"{consumer}|{name}|web",
            "consumer": consumer,
            "instance": name,
            "instance_address": interface.address,
            "address": self.address if consumer == "balancer" else interface.address,
            "protocol": "HTTP",
            "port": 8080,
            "path": "/healthz",
            "interval": 1.0,
            "timeout": 0.5,
        }
        return ProbeSpec(**{**defaults, **fields})

    async def watch(self, *probes: ProbeSpec) -> None:
        """Probe exactly these; results go to `results`."""
        await self.world.apply_probes(frozenset(probes), self.results.put_nowait)

    async def outcome(self, probe: ProbeSpec, wanted: str, detail: str = "") -> ProbeResult:
        """Return the next result of this probe with this outcome and these words in its detail.

        What a probe found before something was changed may still be on its way, and on a busy machine any probe may time out.
        """
        async with asyncio.timeout(PATIENCE):
            while True:
                result = await self.results.get()
                if result.id == probe.id and result.outcome == wanted and detail in result.detail:
                    return result

    async def connect(self, port: int = 8080, source: str = "") -> Client:
        """Connect to the forwarding rule from the host, or from one of its addresses."""
        client = await Client.connect(self.address, port, source)
        self.clients.append(client)
        return client

    async def hang_up(self) -> None:
        """Close every client's connection."""
        for client in self.clients:
            await client.close()

    async def ask(self, source: str = "") -> dict[str, Any]:
        """Ask over a new connection who answers."""
        client = await self.connect(source=source)
        try:
            return await client.ask("hello")
        finally:
            await client.close()

    async def ask_datagram(self, sock: socket.socket) -> dict[str, Any]:
        """Send a datagram from this socket to the forwarding rule and return the answer."""
        loop = asyncio.get_running_loop()
        sock.setblocking(False)
        await loop.sock_sendto(sock, b"hello", (self.address, 8080))
        async with asyncio.timeout(PATIENCE):
            answer: dict[str, Any] = json.loads(await loop.sock_recv(sock, 4096))
            return answer


class Client:
    """A TCP client on the host."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, line: str) -> dict[str, Any]:
        """Send a line and return the answer. Raises ConnectionError if there is none."""
        self.writer.write(line.encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            answer = await self.reader.readline()
        if not answer:
            raise ConnectionResetError
        facts: dict[str, Any] = json.loads(answer)
        return facts

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()

    @classmethod
    async def connect(cls, address: str, port: int, source: str = "") -> Client:
        """Connect to an address of the host. Raises OSError."""
        local = (source, 0) if source else None
        return cls(*await asyncio.open_connection(address, port, local_addr=local))


@asynccontextmanager
async def running_cloud(
    speed: float = CLOUD_SPEED,
    *,
    table_size: int = maglev.DEFAULT_SIZE,
    probers: int = 1,
    vigil: Vigil | None = None,
) -> AsyncIterator[Cloud]:
    """Open a world in a folder of its own, with one prober unless said; stop it and remove the folder at the end."""
    folder = Path(tempfile.mkdtemp(prefix="localcloud-dataplane-"))
    world = await World.open(
        Home(folder), RealClock(speed), table_size=table_size, probers=probers, vigil=vigil
    )
    cloud = Cloud(world)
    try:
        yield cloud
    finally:
        await cloud.hang_up()
        await cloud.world.stop()
        await asyncio.to_thread(shutil.rmtree, folder)
