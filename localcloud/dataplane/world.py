"""The world: all of one local cloud's network, and the namespaces of its machines. What the daemon opens, closes and stops."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from localcloud.dataplane import family, holding, machine_user, maglev
from localcloud.dataplane.doorkeeper import Doorkeeper
from localcloud.dataplane.faulting import Faulting
from localcloud.dataplane.google_access import GoogleAccess
from localcloud.dataplane.helpers import Agent, Worker
from localcloud.dataplane.machines import MachineNamespaces
from localcloud.dataplane.probing import Probing
from localcloud.dataplane.router import Router
from localcloud.dataplane.vigil import Vigil
from localcloud.plans.probe import PROBERS

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence

    from localcloud.clock import Clock
    from localcloud.home import Home
    from localcloud.plans.balancer import BalancerPlan
    from localcloud.plans.network import NetworkInterface, NetworkPlan
    from localcloud.plans.probe import ProbeResult, ProbeSpec
    from localcloud.plans.world import Command, Spawned


class World:
    """A `MachineHost` and a `Fabric`. It belongs to the event loop that opened it.

    The world outlives this object and its process: `close` (or being killed) leaves machines, connections and forwarding as they
    are, for the next `open` to adopt; `stop` ends everything.
    """

    def __init__(
        self,
        home: Home,
        clock: Clock,
        holder: holding.Holder,
        lock: int,
        helpers: int,
        *,
        table_size: int,
        probers: int,
        ipv6: bool,
        vigil: Vigil,
    ) -> None:
        self.home = home
        self.adopted = False
        self._holder = holder
        self._locks = [lock, helpers]
        self._ipv6 = ipv6
        self._without_ipv6: dict[str, str] = {}  # problems of subnetworks
        self.vigil = vigil
        self._agent = Agent(holder, home.logs / "dataplane.log", helpers, self.vigil)
        self._rules_worker = Worker(self._agent)
        self._machines_worker = Worker(self._agent)
        self._router = Router(self._rules_worker, table_size, ipv6=ipv6)
        self._doorkeeper = Doorkeeper(home, self._agent, self._router, ipv6=ipv6)
        self._probing = Probing(self._agent, clock, probers)
        self._machines = MachineNamespaces(home, self._machines_worker, ipv6=ipv6)
        self._google = GoogleAccess(self._machines)
        self._faulting = Faulting(home, self._agent, self._machines_worker, self._machines, clock)
        self._plans = asyncio.Lock()

    @classmethod
    async def open(
        cls,
        home: Home,
        clock: Clock,
        *,
        table_size: int = maglev.DEFAULT_SIZE,
        probers: int = PROBERS,
        ipv6: bool | None = None,
        vigil: Vigil | None = None,
    ) -> World:
        """Create this folder's world, or adopt the one that is there.

        `table_size` is the number of slots of each backend service's table: a prime up to 65,537. `probers`: how many probe each
        endpoint. `ipv6`: whether IPv6 is spoken; if this machine's kernel has it, unless said. `vigil` looks after the helpers; one by
        this machine's clock, unless said. Raises WorldError if the machine does not allow it or another process has it, ValueError for
        a bad size.
        """
        if not maglev.is_prime(table_size) or table_size > maglev.MAX_SIZE:
            maglev.build([], table_size)
        lock = holding.claim(home)
        made: holding.Holder | None = None
        try:
            home.logs.mkdir(parents=True, exist_ok=True)
            holder = holding.find(home)
            adopted = holder is not None
            if holder is None:
                clear(home)
                holder = made = await holding.create(home, lock)
            spoken = family.kernel_has_ipv6() if ipv6 is None else ipv6
            helpers = await holding.outlast_helpers(home)
            world = cls(
                home,
                clock,
                holder,
                lock,
                helpers,
                table_size=table_size,
                probers=probers,
                ipv6=spoken,
                vigil=vigil or Vigil(),
            )
            world.adopted = adopted
        except BaseException:
            if made is not None:
                await holding.end(home, made)
            os.close(lock)
            raise
        world.vigil.begin()
        try:
            await world._router.prepare()
            await world._doorkeeper.prepare()
        except BaseException:
            # a world that could not be set up is of no use to anybody; one that was adopted may hold machines
            await (world.close() if adopted else world.stop())
            raise
        return world

    @property
    def holder_pid(self) -> int:
        """The process that keeps the world, in the host's numbering."""
        return self._holder.pid

    @property
    def prober_pid(self) -> int | None:
        """The process that sends the probes, in the world's numbering; None before the first was asked for."""
        return self._probing.pid

    @property
    def machine_user(self) -> int | None:
        """See `MachineHost.machine_user`."""
        return machine_user.of_world(self._holder.pid)

    def problems(self) -> Mapping[str, str]:
        """Return what cannot be as planned, by forwarding rule (ports this user may not listen on, all-ports rules) or fault."""
        return {**self._without_ipv6, **self._doorkeeper.problems, **self._faulting.problems}

    def ailing(self) -> Mapping[str, str]:
        """Return what is the matter with helpers that end again and again, by what each is."""
        found = {
            "agent": self._agent.problem(),
            "worker": self._rules_worker.problem() or self._machines_worker.problem(),
            "prober": self._probing.problem(),
            "door": self._doorkeeper.problem(),
            "delayer": self._faulting.problem(),
        }
        return {role: words for role, words in found.items() if words}

    def places(self) -> Mapping[str, tuple[str, ...]]:
        """Return where on this machine clients find the forwarding rules ("ADDRESS:PORT", as in a URL), by rule."""
        return self._doorkeeper.places()

    async def border(self) -> dict[str, int]:
        """Return what was kept in: packets to addresses outside, dropped ("astray"), and such that got past that ("outside": 0)."""
        return await self._router.counted()

    async def close(self) -> None:
        """Leave the world as it is, for the next `open`. Probing ceases until then."""
        self.vigil.close()
        self._probing.close()
        self._doorkeeper.close()
        self._faulting.close()
        self._rules_worker.close()
        self._machines_worker.close()
        self._agent.close()
        while self._locks:
            os.close(self._locks.pop())

    async def stop(self) -> None:
        """End every process of the world and remove everything of it."""
        self.vigil.close()
        self._probing.close()
        self._doorkeeper.close()
        self._faulting.close()
        await holding.end(self.home, self._holder)
        clear(self.home)
        await self.close()

    async def spawn(
        self,
        interface: NetworkInterface,
        gateway: str,
        prefix_length: int,
        command: Command,
        listeners: Sequence[tuple[str, int]],
    ) -> Spawned:
        """See `MachineHost.spawn`."""
        scripts = self._faulting.scripts(interface.instance)
        spawned = await self._machines.spawn(
            interface, gateway, prefix_length, command, listeners, faults=scripts
        )
        await self._google.made(interface)
        await self._faulting.made(interface.instance)
        return spawned

    async def listen(self, pid: int, listeners: Sequence[tuple[str, int]]) -> tuple[socket.socket, ...]:
        """See `MachineHost.listen`."""
        return await self._machines.listen(pid, listeners)

    async def set_local_addresses(self, pid: int, addresses: tuple[str, ...]) -> None:
        """See `MachineHost.set_local_addresses`."""
        await self._machines.set_local_addresses(pid, addresses)

    async def remove(self, instance: str, pid: int) -> None:
        """See `MachineHost.remove`."""
        await self._machines.remove(instance, pid)
        await self._faulting.removed(instance)
        self._google.removed(instance)

    async def remove_others(self, known: frozenset[str]) -> None:
        """See `MachineHost.remove_others`."""
        for instance in sorted(self._machines.names() - known):
            await self.remove(instance, 0)

    async def lost(self) -> None:
        """Return when the holder has ended, and with it everything in this world."""
        try:
            descriptor = os.pidfd_open(self._holder.pid)
        except ProcessLookupError:
            return
        try:
            if holding.find(self.home) == self._holder:
                await holding.over(descriptor)
        finally:
            os.close(descriptor)

    async def apply_network(self, plan: NetworkPlan) -> None:
        """See `Fabric.apply_network`."""
        async with self._plans:
            await self._router.apply_network(replace(plan, faults=()))
            dual = () if self._ipv6 else [each.key for each in plan.subnetworks if each.cidr_ipv6]
            self._without_ipv6 = {key: f"{key}: {family.NO_IPV6}" for key in dual}
            await self._google.apply(plan.interfaces)
            await self._faulting.apply(plan.faults)

    async def apply_balancer(self, plan: BalancerPlan) -> None:
        """See `Fabric.apply_balancer`; what this machine does not allow is in `problems`."""
        async with self._plans:
            await self._router.apply_balancer(plan)
            await self._doorkeeper.apply(plan)

    async def apply_probes(self, probes: frozenset[ProbeSpec], report: Callable[[ProbeResult], None]) -> None:
        """See `Fabric.apply_probes`."""
        await self._probing.apply(probes, report)


def clear(home: Home) -> None:
    """Remove the records of a world that has ended."""
    for name in ("door.sock", "delayer.sock", "helpers.lock"):
        (home.run / name).unlink(missing_ok=True)
    (home.run / "holder.json").unlink(missing_ok=True)
    shutil.rmtree(home.run / "machines", ignore_errors=True)
