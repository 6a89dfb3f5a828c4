"""The faults in force: keeps the kernel and the delayer in agreement with the plan, for machines that live and for those to come.

A fault that this machine's kernel cannot inflict is a problem that is told; it never keeps the network from being applied.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from localcloud.dataplane import faults, wire
from localcloud.dataplane.addresses import link_name
from localcloud.dataplane.delaying import Delaying
from localcloud.dataplane.holding import WorldError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from localcloud.clock import Clock
    from localcloud.dataplane.helpers import Agent, Worker
    from localcloud.dataplane.machines import MachineNamespaces
    from localcloud.home import Home
    from localcloud.plans.fault import LinkFault


class Faulting:
    """Faults by instance. What is in the router's namespace can be read back, so a new daemon takes over what it finds."""

    def __init__(
        self, home: Home, agent: Agent, worker: Worker, machines: MachineNamespaces, clock: Clock
    ) -> None:
        self._worker, self._machines = worker, machines
        self._delaying = Delaying(home, agent, clock, self._delayer_ended)
        self._plan: dict[str, tuple[LinkFault, ...]] = {}
        self._tables: set[str] | None = None  # in the kernel, once that is known
        self._anew: set[str] = set()  # of those, which have to be loaded again: their links may be others now
        self._turn = asyncio.Lock()
        self._mending: asyncio.Task[None] | None = None
        self.problems: dict[str, str] = {}  # by the fault's name

    async def apply(self, plan: Iterable[LinkFault]) -> None:
        """Make these the faults in force; those that cannot be are in `problems`."""
        wanted: dict[str, tuple[LinkFault, ...]] = {}
        for fault in plan:
            wanted[fault.instance] = (*wanted.get(fault.instance, ()), fault)
        async with self._turn:
            if wanted == self._plan and not self.problems and self._tables is not None:
                return
            found = self._machines.names() if self._tables is None else set()  # what an earlier daemon left
            self.problems = {}
            before, self._plan = self._plan, wanted
            for instance in sorted({*found, *before, *wanted}):
                await self._agree(instance)

    def scripts(self, instance: str) -> Sequence[tuple[str, str]]:
        """Return what a machine that is about to be made has to have loaded before its first packet: all that needs no delayer."""
        return [faults.scripts(fault) for fault in self._plan.get(instance, ()) if not faults.held_at(fault)]

    async def made(self, instance: str) -> None:
        """Learn that a machine of this name has been made, with its `scripts`; what holds packets follows."""
        if instance in self._plan:
            async with self._turn:
                (await self._known()).update(
                    faults.table(fault) for fault in self._plan.get(instance, ()) if not faults.held_at(fault)
                )
                await self._agree(instance)

    async def removed(self, instance: str) -> None:
        """Learn that the machine of this name is gone: its tables go too."""
        if instance in self._plan:
            async with self._turn:
                link = link_name(instance)
                await self._remove([name for name in await self._known() if faults.link_of(name) == link])
                await self._delaying.hold(instance, 0, ())

    def problem(self) -> str:
        """Return what is the matter with the delayer's starts, if anything is."""
        return self._delaying.restarts.problem()

    def close(self) -> None:
        """Leave what is in force as it is."""
        if self._mending is not None:
            self._mending.cancel()
        self._delaying.close()

    def _delayer_ended(self) -> None:
        self._mending = asyncio.ensure_future(self._mend())

    async def _mend(self) -> None:
        """Have held again what a dead delayer held: what led there goes nowhere."""
        await self._delaying.restarts.wait()
        async with self._turn:
            self.problems = {}  # what was asked of it while it died is asked again
            for instance in self._plan:
                await self._agree(instance)

    async def _agree(self, instance: str) -> None:
        """Make one living machine's faults what the plan says."""
        pid = self._machines.pid_of(instance)
        link = link_name(instance)
        known = await self._known()
        wanted = {faults.table(fault): fault for fault in self._plan.get(instance, ())} if pid else {}
        gone = [name for name in known if faults.link_of(name) == link and name not in wanted]
        new = {name: fault for name, fault in wanted.items() if name not in known or name in self._anew}
        holding = {name: fault for name, fault in wanted.items() if faults.held_at(fault)}
        try:
            await self._remove(gone, pid or 0)
            made = await self._delaying.hold(instance, pid or 0, holding.values())
            new |= {
                name: fault
                for name, fault in holding.items()
                if any(side.device in made for side in faults.held_at(fault))
            }
            for name, fault in new.items():
                scripts = [list(faults.scripts(fault))]
                await self._worker.call({"do": "faults", "pid": pid, "scripts": scripts})
                known.add(name)
                self._anew.discard(name)
        except (WorldError, wire.HelperError, OSError) as error:
            if self._machines.pid_of(instance) is None:
                return  # the machine died meanwhile
            self._anew |= holding.keys()  # which links are others now was not told
            for fault in {**holding, **new}.values():
                self.problems[fault.name] = (
                    f"fault {fault.name} is not in force on {instance}: {error}; a kernel of 5.16 or later with "
                    "CONFIG_NETFILTER_EGRESS is needed"
                )

    async def _known(self) -> set[str]:
        if self._tables is None:
            self._tables = set(await self._worker.nft_tables("netdev"))
        return self._tables

    async def _remove(self, names: Iterable[str], pid: int = 0) -> None:
        gone = list(names)
        if gone:
            scripts = [[faults.removal(name), faults.removal(name)] for name in gone]
            await self._worker.call({"do": "faults", "pid": pid, "scripts": scripts})
            (await self._known()).difference_update(gone)
            self._anew.difference_update(gone)
