"""One local cloud, composed: every part is made here or in `inside`, given what it needs, and ended in the opposite order.

Google's API is there first: it needs the store alone. The network and the instances follow, and with them the controllers, who act on
whatever was asked for meanwhile; the operator's API waits for them, and so does the word that the cloud is ready.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from localcloud.api import quotas
from localcloud.api.app import create_app
from localcloud.api.latencies import Latencies
from localcloud.api.settings import ApiSettings
from localcloud.control.awakening import forget_health
from localcloud.daemon import clockwork, unhurried
from localcloud.daemon.config import CloudConfig
from localcloud.daemon.front import Front
from localcloud.daemon.server import serving
from localcloud.dataplane import family, holding
from localcloud.guest import serial_port
from localcloud.identity import Identities
from localcloud.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.guest.confinement import Confinement
    from localcloud.home import Home

# What `inside` takes most of its time to import, in parts of some 20 ms each.
_HEAVY = (
    "localcloud.control.mig",
    "localcloud.control.machines",
    "localcloud.control.serving",
    "localcloud.control.loop",
    "localcloud.guest.sandbox",
    "localcloud.guest.boot",
    "localcloud.guest.trust",
    "localcloud.guest.machines",
    "starlette.applications",
    "localcloud.daemon.inside",
)


async def run(
    home: Home,
    speed: float | None,
    ready: Callable[[], None],
    stop: asyncio.Event,
    *,
    project: str | None = None,
    listener: int | None = None,
    kept: bool = False,
    confinement: Confinement | None = None,
) -> None:
    """Run the cloud in this folder until `stop` is set, then take down all it made; its state stays.

    `project` is for a cloud that is not there yet; None is "local", or whatever the cloud's project is. `listener`: the descriptor of the
    API's listening socket, if an earlier daemon made it. `kept`: a process of its own watches this one, and starts another daemon if it
    dies. `confinement`: where instances have control groups of their own.

    Any other ending (an error, a kill) leaves the world and its instances as they are, for the next daemon to adopt.

    Raises:
        OSError: its port or address range is taken, or the machine lacks what it needs.
        ValueError: a setting is wrong.
        WorldError: the machine does not allow a network, or another process has this cloud's.
    """
    config = CloudConfig.load_or_create(home, project)
    async with AsyncExitStack() as stack:
        stack.enter_context(contextlib.closing(config.hold_range()))
        accepting = _listen(config) if listener is None else socket.socket(fileno=listener)
        stack.enter_context(contextlib.closing(accepting))
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
            ipv6=family.kernel_has_ipv6(),
        )

        def serial_output(instance_id: str) -> bytes:
            return serial_port.read(home.instance(instance_id)).contents

        if holding.find(home) is None:
            forget_health(store)  # before somebody asks: `inside` would do so too late for that
        api = create_app(store, clock, identities, settings, serial_output)
        front = Front(api)
        await stack.enter_async_context(serving(front, accepting))
        stack.callback(front.end)
        await unhurried.load("localcloud.dataplane.world")
        from localcloud.dataplane.world import World  # noqa: PLC0415 - the API need not wait for it

        # its processes start while this one imports
        opening = asyncio.create_task(World.open(home, clock, probers=config.probers))
        await unhurried.load(*_HEAVY)
        from localcloud.daemon import inside  # noqa: PLC0415 - as above

        world = await opening
        outside = inside.Outside(
            home=home,
            config=config,
            store=store,
            clock=clock,
            identities=identities,
            api=api,
            front=front,
            kept=accepting if kept else None,
            confinement=confinement,
        )
        await inside.run(outside, world, ready, stop)


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
