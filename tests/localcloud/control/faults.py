"""Faults at the store's writes: a daemon that dies before or after one, and one that learns of one late or never."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from localcloud.control.loop import Controllers
from localcloud.store import Event, Store, Transaction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localcloud.store import Document
    from tests.localcloud.control.cloud import Cloud

Fault = Literal["", "crash before", "crash after", "lost event", "stale read"]
FAULTS: tuple[Fault, ...] = ("crash before", "crash after", "lost event", "stale read")
Watcher = Callable[[frozenset[str], tuple[Event, ...]], None]


class Crashed(BaseException):
    """The daemon is dead. No `Exception`: nothing in it may go on."""


@dataclass
class Faults:
    """Which fault the next write of the daemon meets. `at`: faults by the number of the write; `rate`: how many of the others meet one."""

    seed: int = 0
    rate: float = 0.0
    at: dict[int, Fault] = field(default_factory=dict)
    armed: bool = True
    writes: int = 0
    met: list[tuple[int, Fault]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)  # noqa: S311 - repeatable, not secret

    def draw(self) -> Fault:
        """Return the fault that this write meets."""
        if not self.armed:
            return ""
        self.writes += 1
        fault = self.at.get(self.writes, "")
        if not fault and self.rng.random() < self.rate:
            fault = self.rng.choice(FAULTS)
        if fault:
            self.met.append((self.writes, fault))
        return fault


class FragileStore(Store):
    """The store as the daemon has it, who may die at any of its writes; what others write to the real one meets no fault.

    Its watchers may miss a commit (a lost event), or learn of it only with the next one: until then the daemon, which remembers what it
    read, decides on what was there before (a stale read).
    """

    def __init__(self, real: Store, faults: Faults) -> None:
        self.crashed = asyncio.Event()
        self._real, self._faults = real, faults
        self._fault: Fault = ""
        self._late: list[tuple[frozenset[str], tuple[Event, ...]]] = []
        self._told: list[Watcher] = []
        real.watch(self._tell)

    def __getattr__(self, name: str) -> object:
        """All that has no fault in it is the real one's."""
        return getattr(self._real, name)

    def get(self, key: str) -> Document | None:
        """Return the document at this key, or None."""
        return self._real.get(key)

    def scan(self, prefix: str) -> Iterator[tuple[str, Document]]:
        """Yield (key, document) of every key that starts with the prefix."""
        return self._real.scan(prefix)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Commit at the end of the block, unless the daemon dies before."""
        with self._real.transaction() as change:
            yield change
            self._fault = self._draw() if change.writes or change.events else ""
            if self._fault == "crash before":
                self._die()
        fault, self._fault = self._fault, ""
        if fault == "crash after":
            self._die()

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call the watcher after each commit, unless that meets a fault."""
        self._told.append(watcher)
        return lambda: self._told.remove(watcher)

    def next_number(self, counter: str, first: int = 1) -> int:
        """Return the next number; the daemon may die before or after that too."""
        fault = self._draw()
        if fault == "crash before":
            self._die()
        number = self._real.next_number(counter, first)
        if fault == "crash after":
            self._die()
        return number

    def _tell(self, keys: frozenset[str], events: tuple[Event, ...]) -> None:
        if self.crashed.is_set() or self._fault in {"lost event", "crash after"}:
            return
        self._late.append((keys, events))
        if self._fault == "stale read":
            return
        late, self._late = self._late, []
        for commit in late:
            for watcher in tuple(self._told):
                watcher(*commit)

    def _draw(self) -> Fault:
        if self.crashed.is_set():
            raise Crashed
        return self._faults.draw()

    def _die(self) -> None:
        self.crashed.set()
        raise Crashed


class FragileDaemon:
    """The controllers of a cloud, started again whenever they died; after up to `away` cloud seconds.

    They begin with what is on disk; without a `file`, with what is in the store: then the API goes on without them.
    """

    def __init__(
        self, cloud: Cloud, file: Path | None, faults: Faults, witness: Watcher, *, away: float = 30
    ) -> None:
        self._cloud, self._file, self._faults, self._witness, self._away = cloud, file, faults, witness, away
        self.deaths = 0

    async def run(self) -> None:
        """Run until cancelled."""
        cloud = self._cloud
        while True:
            if self._file is not None:
                cloud.store.close()
                cloud.store = Store(self._file)
                cloud.store.watch(self._witness)
            store = FragileStore(cloud.store, self._faults)
            controllers = Controllers(store, cloud.clock, cloud.machines, cloud.fabric, cloud.rng)
            tasks = [
                asyncio.ensure_future(controllers.run()),
                asyncio.ensure_future(cloud.fabric.run()),
                asyncio.ensure_future(store.crashed.wait()),
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                outcomes = await asyncio.gather(*tasks, return_exceptions=True)
                cloud.machines.watch(lambda _: None)
            for outcome in outcomes:
                if isinstance(outcome, Exception):
                    raise outcome
            self.deaths += 1
            await cloud.clock.sleep(self._faults.rng.uniform(0, self._away))
