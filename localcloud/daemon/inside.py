"""What is behind a cloud's API: its instances, the controllers, the operator's API and the `gcp` plugin, from ready until the end."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Mount, Router
from starlette.types import ASGIApp

from localcloud.clock import RealClock
from localcloud.control.awakening import forget_health
from localcloud.control.loop import Controllers
from localcloud.daemon import clockwork
from localcloud.daemon.config import CloudConfig
from localcloud.daemon.fabric import ToldFabric
from localcloud.daemon.faults import FaultRoutes
from localcloud.daemon.front import OPERATOR, Front
from localcloud.daemon.guard import OwnerOnly
from localcloud.daemon.kept import kept
from localcloud.daemon.launch import stopping_file
from localcloud.daemon.operator import Operator
from localcloud.daemon.plugin import Plugin
from localcloud.daemon.report import CloudReport
from localcloud.dataplane.holding import WorldError
from localcloud.guest.confinement import Confinement
from localcloud.guest.machines import Sandboxes
from localcloud.home import Home
from localcloud.identity import Identities
from localcloud.store import Event, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from localcloud.clock import Clock
    from localcloud.dataplane.world import World


@dataclass(frozen=True, kw_only=True)
class Outside:
    """What is there already: the cloud's folder and facts, its state, and the API that is being served behind `front`.

    `kept`: what the daemon's keeper is to hold, the API's listening socket; None: there is to be no keeper. `confinement`: where instances
    have control groups of their own, if anywhere.
    """

    home: Home
    config: CloudConfig
    store: Store
    clock: RealClock
    identities: Identities
    api: ASGIApp
    front: Front
    kept: socket.socket | None
    confinement: Confinement | None


async def run(outside: Outside, world: World, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """Run all that needs the world until `stop` is set, then end the world too; see `localcloud.daemon.cloud.run`."""
    store, clock = outside.store, outside.clock
    async with AsyncExitStack() as stack:
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
            outside.home,
            store,
            clock,
            world,
            outside.identities,
            outside.api,
            project_number=outside.config.project_number,
            confinement=outside.confinement,
        )
        stack.push_async_callback(sandboxes.release)
        await sandboxes.adopt()
        controllers = asyncio.create_task(
            Controllers(store, clock, sandboxes, ToldFabric(world, store, clock), random.SystemRandom()).run()
        )
        stack.push_async_callback(_cancelled, controllers)
        plugin = Plugin(outside.home, outside.config, world.vigil)
        stack.push_async_callback(plugin.leave)
        outside.front.open(_operator(outside, world, sandboxes, plugin, stop.set))
        if outside.kept is not None:
            await stack.enter_async_context(kept(outside.home, outside.kept))
        ready()
        stopped, lost = asyncio.create_task(stop.wait()), asyncio.create_task(world.lost())
        await asyncio.wait([stopped, lost, controllers], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        lost.cancel()
        if controllers.done():
            controllers.result()
        if lost.done():
            msg = "the world's holder was killed, and everything in the world with it"
            raise WorldError(msg)
        if outside.kept is not None:
            stopping_file(outside.home).touch()  # if it dies from here on, its keeper goes on with that
        # Nobody may take the end of the instances for a crash of theirs: whoever watches them stops before they do.
        await _cancelled(controllers)
        await sandboxes.release()
        _tell(store, clock, "cloud.stopped", "its instances are gone; its state is kept")
        clockwork.suspend(store, clock)
        await plugin.end()
        await world.stop()
        if outside.confinement is not None:
            await asyncio.to_thread(outside.confinement.remove_others, frozenset())


def _operator(
    outside: Outside, world: World, sandboxes: Sandboxes, plugin: Plugin, stop: Callable[[], None]
) -> ASGIApp:
    def ailing() -> Mapping[str, str]:
        return {**world.ailing(), **({"gcp plugin": words} if (words := plugin.problem()) else {})}

    store, clock, identities = outside.store, outside.clock, outside.identities
    report = CloudReport(
        store,
        clock,
        outside.config,
        world.problems,
        world.places,
        surroundings=sandboxes.surroundings,
        border=world.border,
        ailing=ailing,
    )
    routes = Operator(store, clock, sandboxes, report, identities=identities, stop=stop).routes()
    operator = Starlette(routes=[*routes, *FaultRoutes(store, clock, world.problems).routes()])
    operator.router.redirect_slashes = False
    return Router(routes=[Mount(OPERATOR, OwnerOnly(operator, identities))])


def _tell(store: Store, clock: Clock, kind: str, message: str) -> None:
    with store.transaction() as change:
        change.event(Event(clock.now(), kind, "local cloud", message, {"speed": clock.speed}))


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
