"""One local cloud, composed: every part is made here, given what it needs, and ended here in the opposite order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import socket
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from starlette.applications import Starlette

from localcloud.api import quotas
from localcloud.api.app import create_app
from localcloud.api.latencies import Latencies
from localcloud.api.settings import ApiSettings
from localcloud.control.awakening import forget_health
from localcloud.control.loop import Controllers
from localcloud.daemon import clockwork
from localcloud.daemon.config import CloudConfig
from localcloud.daemon.fabric import ToldFabric
from localcloud.daemon.faults import FaultRoutes
from localcloud.daemon.front import Front
from localcloud.daemon.guard import OwnerOnly
from localcloud.daemon.operator import Operator
from localcloud.daemon.plugin import plugin
from localcloud.daemon.report import CloudReport
from localcloud.daemon.server import serving
from localcloud.dataplane.world import World
from localcloud.guest.machines import Sandboxes
from localcloud.identity import Identities
from localcloud.store import Event, Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.clock import Clock
    from localcloud.home import Home


async def run(
    home: Home,
    speed: float | None,
    ready: Callable[[], None],
    stop: asyncio.Event,
    *,
    project: str | None = None,
) -> None:
    """Run the cloud in this folder until `stop` is set, then take down all it made; its state stays.

    `project` is for a cloud that is not there yet; None is "local", or whatever the cloud's project is.

    Any other ending (an error, a kill) leaves the world and its instances as they are, for the next daemon to adopt.

    Raises:
        OSError: its port or address range is taken, or the machine lacks what it needs.
        ValueError: a setting is wrong.
    """
    config = CloudConfig.load_or_create(home, project)
    async with AsyncExitStack() as stack:
        stack.enter_context(contextlib.closing(config.hold_range()))
        listener = stack.enter_context(contextlib.closing(_listen(config)))
        store = Store(home.store_file)
        stack.callback(store.close)
        clock = clockwork.resume(store, speed)
        identities = Identities(store, clock, config.owner_token)
        settings = ApiSettings(
            external_range=config.external_range,
            content=home.path / "objects",
            project=config.project,
            project_number=config.project_number,
            latencies=Latencies.from_environment(os.environ),
            quotas=quotas.from_environment(os.environ),
        )

        def serial_output(instance_id: str) -> bytes:
            return sandboxes.serial_output(instance_id)  # made below: it needs the API that is made here

        api = create_app(store, clock, identities, settings, serial_output)
        world = await World.open(home, clock)
        stack.push_async_callback(world.close)
        if not world.adopted:
            forget_health(store)
        _tell(
            store,
            clock,
            "cloud.started",
            "took over what an earlier daemon left" if world.adopted else "with a new, empty world",
        )
        sandboxes = Sandboxes(
            home, store, clock, world, identities, api, project_number=config.project_number
        )
        stack.push_async_callback(sandboxes.release)
        await sandboxes.adopt()
        controllers = asyncio.create_task(
            Controllers(store, clock, sandboxes, ToldFabric(world, store, clock), random.SystemRandom()).run()
        )
        stack.push_async_callback(_cancelled, controllers)
        report = CloudReport(store, clock, config, world.problems)
        routes = Operator(store, clock, sandboxes, report, identities=identities, stop=stop.set).routes()
        operator = Starlette(routes=[*routes, *FaultRoutes(store, clock, world.problems).routes()])
        operator.router.redirect_slashes = False
        app = Front(OwnerOnly(operator, identities), api)
        await stack.enter_async_context(serving(app, listener))
        await stack.enter_async_context(plugin(home, config))
        gc.freeze()  # modules and discovery documents stay: no collection needs to look through them
        ready()
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([stopped, controllers], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if controllers.done():
            controllers.result()
        # Nobody may take the end of the instances for a crash of theirs: whoever watches them stops before they do.
        await _cancelled(controllers)
        await sandboxes.release()
        _tell(store, clock, "cloud.stopped", "its instances are gone; its state is kept")
        clockwork.suspend(store, clock)
        await world.stop()


def _listen(config: CloudConfig) -> socket.socket:
    # By its protocol's name, or asyncio does not see that its connections are TCP's and leaves Nagle's algorithm on: then every
    # answer on a kept connection waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", config.api_port))
    except OSError as error:
        listener.close()
        msg = (
            f"port {config.api_port} is taken by another process ({error.strerror}); end that one, or remove config.json from this "
            "cloud's folder so that it chooses another"
        )
        raise OSError(msg) from error
    listener.listen(1024)
    return listener


def _tell(store: Store, clock: Clock, kind: str, message: str) -> None:
    with store.transaction() as change:
        change.event(Event(clock.now(), kind, "local cloud", message, {"speed": clock.speed}))


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
