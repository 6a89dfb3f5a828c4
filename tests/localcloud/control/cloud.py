"""A whole simulated cloud for tests: documents in a store, the real controllers, simulated machines, virtual time."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from localcloud.clock import VirtualClock
from localcloud.control.links import url
from localcloud.control.loop import Controllers
from localcloud.control.member import Member
from localcloud.control.simulated_machines import Guest, SimulatedMachines
from localcloud.control.simulation import SimulatedFabric
from localcloud.store import Event, Store
from tests.localcloud.control.documents import (
    BALANCING,
    GROUP,
    HEALING,
    PROJECT,
    RULE,
    balancer,
    check,
    group,
    network,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass
class Cloud:
    """One simulated cloud: make the documents, run it, look at it."""

    seed: int = 1
    store: Store = field(default_factory=Store)
    clock: VirtualClock = field(default_factory=VirtualClock)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)  # noqa: S311 - repeatable, not secret
        self.machines = SimulatedMachines(self.clock, random.Random(self.seed + 1))  # noqa: S311 - as above
        self.fabric = SimulatedFabric(self.clock, self.machines)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Cloud]:
        """Run the controllers and the simulated probers."""
        controllers = Controllers(self.store, self.clock, self.machines, self.fabric, self.rng)
        tasks = [asyncio.ensure_future(controllers.run()), asyncio.ensure_future(self.fabric.run())]
        try:
            await self.advance(0)
            yield self
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            broken = [each for each in results if isinstance(each, Exception)]
            if broken:
                raise broken[0]

    async def advance(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(20):
            await asyncio.sleep(0)
        await self.clock.advance(seconds)
        for _ in range(20):
            await asyncio.sleep(0)

    async def until(self, kind: str, *, within: float, after: int = 0) -> Event:
        """Let time pass until an event of this kind is told (after a sequence number); fail if that takes too long."""
        end = self.clock.now() + within
        while True:
            for event in self.store.events(after, limit=100_000):
                if event.kind == kind:
                    return event
            assert self.clock.now() < end, f"no {kind} within {within:g} s:\n" + self.story()
            await self.advance(1)

    async def until_stable(self, within: float = 600) -> None:
        """Let time pass until the group says that it is stable."""
        end = self.clock.now() + within
        await self.advance(1)
        while not self.group()["status"]["isStable"]:
            assert self.clock.now() < end, f"not stable within {within:g} s:\n" + self.story()
            await self.advance(1)

    def put(self, name: str, document: dict[str, Any]) -> None:
        """Store a compute resource by relative name, as the API would."""
        with self.store.transaction() as change:
            change.put(
                "compute/" + name, {"name": name.rpartition("/")[2], "selfLink": url(name), **document}
            )

    def patch(self, name: str, **fields: object) -> None:
        """Change fields of a resource."""
        with self.store.transaction() as change:
            change.put("compute/" + name, {**self.get(name), **fields})

    def get(self, name: str) -> dict[str, Any]:
        """Return a resource that exists."""
        document = self.store.get("compute/" + name)
        assert document is not None, f"{name} does not exist"
        return dict(document)

    def request(self, verb: str, target: str, **args: object) -> None:
        """Ask for a verb, as the API would."""
        with self.store.transaction() as change:
            number = self.store.next_number("request")
            change.put(
                f"control/requests/{number}",
                {"verb": verb, "target": target, "args": args, "at": self.clock.now()},
            )

    def group(self) -> dict[str, Any]:
        """Return the group's document."""
        return self.get(GROUP)

    def members(self, group: str = GROUP) -> dict[str, Member]:
        """Return the group's records by instance name."""
        found = [Member.parse(document) for _, document in self.store.scan(f"control/managed/{group}/")]
        return {member.name: member for member in found}

    def instances(self) -> dict[str, dict[str, Any]]:
        """Return the instances' documents by name."""
        return {
            document["name"]: dict(document)
            for key, document in self.store.scan(f"compute/projects/{PROJECT}/zones/")
            if key.split("/")[-2] == "instances"
        }

    def guest(self, name: str) -> Guest:
        """Return an instance's machine."""
        guest = self.machines.by_name(name)
        assert guest is not None, f"{name} has no machine"
        return guest

    def eligible(self) -> set[str]:
        """Return who gets new connections."""
        return set(self.fabric.eligible().get(RULE, ()))

    def events(self, kind: str = "", after: int = 0) -> list[Event]:
        """Return the story so far, or that of one kind."""
        return [event for event in self.store.events(after, limit=1_000_000) if event.kind.startswith(kind)]

    def last_seq(self) -> int:
        """Return the sequence number of the latest event."""
        events = self.events()
        return events[-1].seq if events else 0

    def story(self) -> str:
        """Render the events for failure messages."""
        start = self.events()[0].at if self.events() else 0
        return "\n".join(
            f"{event.at - start:8.1f} {event.kind:22} {event.subject:10} {event.message}"
            for event in self.events()
        )


def standard(seed: int = 1, size: int = 3, *, store: Store | None = None, **fields: Any) -> Cloud:  # noqa: ANN401 - fields of a JSON document
    """The seed's architecture without autoscaler: balancer check 5 s x 2, autohealing check 30 s x 5 with a delay of 120 s."""
    cloud = Cloud(seed, store or Store())
    network(cloud)
    check(cloud, HEALING, interval=30, timeout=10, healthy=1, unhealthy=5)
    check(cloud, BALANCING)
    group(cloud, size, **fields)
    balancer(cloud)
    return cloud
