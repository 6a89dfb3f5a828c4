"""A local cloud for the plugin to talk to: the real API and the real controllers, over machines that are simulated.

It runs in a thread of its own, in hurried time, so that tests can wait for the engine meanwhile.
"""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.api.app import create_app
from localcloud.api.settings import ApiSettings
from localcloud.clock import RealClock
from localcloud.control.loop import Controllers
from localcloud.control.simulation import SimulatedFabric, SimulatedMachines
from localcloud.identity import Identities
from localcloud.store import Store
from tests.localcloud.provider.driver import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

TOKEN = "owner-token-for-tests"
PROJECT = "p"
_SPEED = 100  # cloud seconds per second: a group is stable in a blink


@dataclass
class LocalCloud:
    """Where the cloud is, what it was asked, and its store (to be looked at once the cloud is idle)."""

    address: str
    store: Store
    requests: list[str]

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys of resources that exist; operations are none."""
        return [key for key, _ in self.store.scan(prefix) if "/operations/" not in key]


def _recorded(app: ASGIApp, requests: list[str]) -> ASGIApp:
    async def record(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            requests.append(f"{scope['method']} {scope['path']}")
        await app(scope, receive, send)

    return record


async def _run(folder: Path, started: threading.Event, stop: threading.Event, made: list[LocalCloud]) -> None:
    store = Store()
    clock = RealClock(_SPEED)
    settings = ApiSettings(
        external_range="127.101.7.0/24", content=folder, project=PROJECT, project_number="1"
    )
    app = create_app(store, clock, Identities(store, clock, TOKEN), settings)
    rng = random.Random(7)  # noqa: S311 - repeatable, not secret
    machines = SimulatedMachines(clock, rng)
    fabric = SimulatedFabric(clock, machines, rng)
    loops = [
        asyncio.create_task(Controllers(store, clock, machines, fabric, rng).run()),
        asyncio.create_task(fabric.run()),
    ]
    requests: list[str] = []
    async with served(_recorded(app, requests)) as address:
        made.append(LocalCloud(address, store, requests))
        started.set()
        await asyncio.to_thread(stop.wait)
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)


@contextmanager
def local_cloud(folder: Path) -> Iterator[LocalCloud]:
    """Run a cloud; its objects' content is kept in the folder."""
    started, stop = threading.Event(), threading.Event()
    made: list[LocalCloud] = []
    thread = threading.Thread(target=lambda: asyncio.run(_run(folder, started, stop, made)))
    thread.start()
    try:
        assert started.wait(30), "the cloud did not start"
        yield made[0]
    finally:
        stop.set()
        thread.join()
