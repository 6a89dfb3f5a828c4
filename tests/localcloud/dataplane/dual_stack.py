"""A small world whose subnetwork, machines and forwarding rule have IPv6 too, and clients of the rule over IPv6."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud.clock import RealClock
from localcloud.dataplane import maglev
from localcloud.dataplane.world import World
from localcloud.home import Home
from localcloud.plans.network import FirewallRule
from tests.localcloud.dataplane.cloud import CLOUD_SPEED, NETWORK, SUBNETWORK, Client, Cloud

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

    from localcloud.plans.balancer import VirtualService
    from localcloud.plans.network import NetworkInterface
    from localcloud.plans.probe import ProbeSpec

RANGE = "2001:db8:0:7::/64"
RULE = "2001:db8:0:7:8000::/96"
RULE_ADDRESS = "2001:db8:0:7:8000::"
CLIENT = "2001:2::1"
OPEN_IPV6 = FirewallRule(name="open6", network=NETWORK, protocols=(("all", ()),), source_ranges=("::/0",))


class DualStackCloud(Cloud):
    """`start`, `balance`, `ask` and the rest, over IPv6; machines have their IPv4 addresses as well."""

    subnetwork = replace(SUBNETWORK, cidr_ipv6=RANGE)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.firewall = (*self.firewall, OPEN_IPV6)

    def interface(self, name: str, **fields: object) -> NetworkInterface:
        """Give a machine its place in the network, with an IPv6 address unless `fields` say otherwise."""
        address = f"2001:db8:0:7:a80:{len(self.interfaces) + 2:x}::"
        return super().interface(name, **{"address_ipv6": address, **fields})

    async def start(self, *names: str) -> None:
        """Start machines that answer on port 8080 of all their addresses, the IPv6 rule's too."""
        await super().start(*names)
        for name in names:
            await self.world.set_local_addresses(self.machines[name].pid, (self.address, RULE))

    def service(self, *eligible: str, **fields: object) -> VirtualService:
        """Return the IPv6 rule for TCP 8080."""
        four = super().service(*eligible)
        backends = tuple(
            replace(each, address_ipv6=self.interfaces[each.instance].address_ipv6) for each in four.backends
        )
        return replace(four, **{"key": four.key + "-v6", "address": RULE, "backends": backends, **fields})  # type: ignore[arg-type]  # as above

    def probe(self, consumer: str, name: str, **fields: object) -> ProbeSpec:
        """Return a probe of a machine by the IPv6 rule's address."""
        return super().probe(consumer, name, **{"address": RULE_ADDRESS, **fields})

    @property
    def place(self) -> tuple[str, int]:
        """Where clients on this machine find the rule."""
        (place,) = self.world.places()[super().service().key + "-v6"]
        host, _, port = place.rpartition(":")
        return host.strip("[]"), int(port)

    async def connect(self, port: int = 0, source: str = "") -> Client:
        """Connect to the rule from the host."""
        host, found = self.place
        client = await Client.connect(host, port or found, source)
        self.clients.append(client)
        return client

    async def ask_datagram(self, sock: socket.socket) -> dict[str, Any]:
        """Send a datagram from this socket to the rule and return the answer."""
        loop = asyncio.get_running_loop()
        sock.setblocking(False)
        await loop.sock_sendto(sock, b"hello", self.place)
        async with asyncio.timeout(10):
            answer: dict[str, Any] = json.loads(await loop.sock_recv(sock, 4096))
            return answer


@asynccontextmanager
async def running_dual_stack(
    speed: float = CLOUD_SPEED, *, ipv6: bool = True, table_size: int = maglev.DEFAULT_SIZE
) -> AsyncIterator[DualStackCloud]:
    """Open a world in a folder of its own; stop it and remove the folder at the end."""
    folder = Path(tempfile.mkdtemp(prefix="localcloud-dataplane-"))
    world = await World.open(Home(folder), RealClock(speed), table_size=table_size, probers=1, ipv6=ipv6)
    cloud = DualStackCloud(world)
    try:
        yield cloud
    finally:
        await cloud.hang_up()
        await cloud.world.stop()
        await asyncio.to_thread(shutil.rmtree, folder)
