"""A local cloud for the plugin to talk to: the real API and the real controllers, over machines that are simulated.

It runs in a thread of its own, in hurried time, so that tests can wait for the engine meanwhile.
"""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from localcloud.api.app import create_app
from localcloud.api.settings import ApiSettings
from localcloud.clock import RealClock
from localcloud.control.loop import Controllers
from localcloud.control.simulated_machines import SimulatedMachines
from localcloud.control.simulation import SimulatedFabric
from localcloud.discovery.invalid import InvalidRequestError
from localcloud.identity import Identities
from localcloud.store import Store
from tests.localcloud.api.answers import check, method_of
from tests.localcloud.provider.driver import served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from localcloud.store import Event

TOKEN = "owner-token-for-tests"
PROJECT = "p"
_SPEED = 100  # cloud seconds per second: a group is stable in a blink


@dataclass
class LocalCloud:
    """Where the cloud is, what it was asked, and its store (to be looked at once the cloud is idle)."""

    address: str
    store: Store
    requests: list[str]
    driven: set[str]
    """Ids of the methods that were answered well."""
    misfits: list[str]
    """Answers that do not fit Google's schemas; a test that leaves some fails."""
    loop: asyncio.AbstractEventLoop | None = None
    """Where it runs, in its own thread."""
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def until(self, holds: Callable[[Store], bool], what: str) -> None:
        """Wait until something holds in the cloud's store, looking whenever the store has changed."""
        with self._changed:
            assert self._changed.wait_for(lambda: holds(self.store), timeout=600), f"never came about: {what}"

    def tell(self, _keys: frozenset[str], _events: tuple[Event, ...]) -> None:
        """Wake those who wait: the store has changed."""
        with self._changed:
            self._changed.notify_all()

    def until_stable(self, group: str) -> None:
        """Wait until a group, by its relative name, has all it should have and is still."""

        def still(store: Store) -> bool:
            found = store.get(f"compute/{group}") or {}
            pending = next(iter(store.scan("control/requests/")), None)
            return pending is None and bool(found.get("status", {}).get("isStable"))

        self.until(still, f"{group} is stable")

    def lose_zone(self, zone: str) -> None:
        """Take a zone out, as its operator does."""
        record = {"name": "fault-1", "kind": "zone-outage", "zone": zone, "since": 0.0, "until": None}

        async def write() -> None:
            with self.store.transaction() as change:
                change.put("control/faults/fault-1", record)

        assert self.loop is not None
        asyncio.run_coroutine_threadsafe(write(), self.loop).result(30)

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys of resources that exist; operations are none."""
        return [key for key, _ in self.store.scan(prefix) if "/operations/" not in key]


def _recorded(app: ASGIApp, seen: LocalCloud) -> ASGIApp:
    """Note every request, and look at every answer as Google's schemas do."""

    async def record(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        http = scope["method"]
        seen.requests.append(f"{http} {scope['path']}")
        path = scope["raw_path"].decode() + "?" + scope["query_string"].decode()
        start: dict[str, Any] = {}
        content = bytearray()

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                content.extend(message.get("body", b""))
            await send(message)

        await app(scope, receive, watch)
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        method = method_of(http, path)
        if method is not None and start["status"] < 400:
            seen.driven.add(method.id)
        try:
            check(http, path, start["status"], headers, b"" if http == "HEAD" else bytes(content))
        except InvalidRequestError as error:
            seen.misfits.append(f"{http} {path}: {error.message}")

    return record


async def _run(
    folder: Path,
    started: threading.Event,
    stop: threading.Event,
    made: list[LocalCloud],
    more: dict[str, Any],
) -> None:
    store = Store()
    clock = RealClock(_SPEED)
    settings = ApiSettings(
        external_range="127.101.7.0/24", content=folder, project=PROJECT, project_number="1", **more
    )
    app = create_app(store, clock, Identities(store, clock, TOKEN), settings)
    rng = random.Random(7)  # noqa: S311 - repeatable, not secret
    machines = SimulatedMachines(clock, rng)
    fabric = SimulatedFabric(clock, machines)
    loops = [
        asyncio.create_task(Controllers(store, clock, machines, fabric, rng).run()),
        asyncio.create_task(fabric.run()),
    ]
    cloud = LocalCloud("", store, [], set(), [], asyncio.get_running_loop())
    store.watch(cloud.tell)
    async with served(_recorded(app, cloud)) as cloud.address:
        made.append(cloud)
        started.set()
        await asyncio.to_thread(stop.wait)
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)


@contextmanager
def local_cloud(folder: Path, **settings: Any) -> Iterator[LocalCloud]:  # noqa: ANN401 - ApiSettings' own
    """Run a cloud; its objects' content is kept in the folder."""
    started, stop = threading.Event(), threading.Event()
    made: list[LocalCloud] = []
    thread = threading.Thread(target=lambda: asyncio.run(_run(folder, started, stop, made, settings)))
    thread.start()
    try:
        assert started.wait(300), "the cloud did not start"
        yield made[0]
        assert not made[0].misfits, made[0].misfits
    finally:
        stop.set()
        thread.join()
