"""Machines reach Google's APIs only if their interfaces say so; what the others send there gets lost. The metadata server answers all."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from localcloud.clock import RealClock
from localcloud.dataplane.world import World
from localcloud.plans.network import GOOGLE_ADDRESS
from tests.localcloud.dataplane.cloud import Cloud, running_cloud

if TYPE_CHECKING:
    from localcloud.plans.world import Spawned

pytestmark = pytest.mark.kernel

METADATA = "169.254.169.254"
LISTENERS = [(METADATA, 80), (GOOGLE_ADDRESS, 443)]
# For each line, says by which of its addresses it would speak to those two: an address that is its own, by itself. `knock` connects.
PROGRAM = """
import os, socket, sys
knocking = socket.socket()
knocking.setblocking(False)
for line in os.fdopen(3):
    if line == "knock\\n":
        knocking.connect_ex((sys.argv[1], 443))
    found = []
    for address in sys.argv[1:]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((address, 9))
            found.append(sock.getsockname()[0])
    os.write(4, (" ".join(found) + "\\n").encode())
"""


class Machine:
    """A machine that is asked."""

    def __init__(self, spawned: Spawned, asking: int, told: int) -> None:
        self.spawned, self._asking, self._told = spawned, asking, told

    @classmethod
    async def start(cls, cloud: Cloud) -> Machine:
        """Start it, as the cloud's interface `a` says."""
        asked, asking = os.pipe()
        told, told_there = os.pipe()
        fds = {2: 2, 3: asked, 4: told_there}
        spawned = await cloud.begin("a", PROGRAM, fds, GOOGLE_ADDRESS, METADATA, listeners=LISTENERS)
        os.close(asked)
        os.close(told_there)
        return cls(spawned, asking, told)

    async def ask(self, line: str = "") -> list[str]:
        """Return by which addresses it speaks to Google's APIs and to the metadata server."""
        os.write(self._asking, line.encode() + b"\n")
        return (await asyncio.to_thread(os.read, self._told, 100)).decode().split()

    def close(self) -> None:
        """Let it end."""
        for listener in self.spawned.listeners:
            listener.close()
        os.close(self._asking)
        os.close(self._told)


def test_a_machine_reaches_googles_apis_only_while_its_interface_says_so() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            interface = cloud.interface("a", google_apis=False)
            machine = await Machine.start(cloud)
            cut_off, reached = [interface.address, METADATA], [GOOGLE_ADDRESS, METADATA]
            assert await machine.ask("knock") == cut_off
            while (await cloud.world.border())["astray"] == 0:  # noqa: ASYNC110 - the kernel tells of no packet
                await asyncio.sleep(0)
            assert (await cloud.world.border())["outside"] == 0

            cloud.interfaces["a"] = replace(interface, google_apis=True)
            await cloud.apply_network()
            assert await machine.ask() == reached
            cloud.interfaces["a"] = interface
            await cloud.apply_network()
            assert await machine.ask() == cut_off
            machine.close()

    asyncio.run(scenario())


def test_the_next_daemon_finds_it_as_it_was_and_changes_it() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            interface = cloud.interface("a", google_apis=False)
            machine = await Machine.start(cloud)
            home = cloud.world.home
            await cloud.world.close()
            cloud.world = await World.open(home, RealClock(1.0))
            for listener in await cloud.world.listen(
                machine.spawned.pid, [(METADATA, 81), (GOOGLE_ADDRESS, 80)]
            ):
                listener.close()
            assert await machine.ask() == [interface.address, METADATA], "listening changes nothing"
            await cloud.apply_network()
            assert await machine.ask() == [interface.address, METADATA]
            cloud.interfaces["a"] = replace(interface, google_apis=True)
            await cloud.apply_network()
            assert await machine.ask() == [GOOGLE_ADDRESS, METADATA]
            machine.close()

    asyncio.run(scenario())


def test_a_plan_that_changed_while_a_machine_was_made_is_caught_up_with() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            interface = cloud.interface("a")
            await cloud.apply_network()
            cloud.interfaces["a"] = replace(interface, google_apis=False)
            await cloud.apply_network()
            cloud.interfaces["a"] = interface  # what the machine is made from is older than the plan
            original, cloud.apply_network = cloud.apply_network, _nothing  # type: ignore[method-assign]
            machine = await Machine.start(cloud)
            cloud.apply_network = original  # type: ignore[method-assign]
            assert await machine.ask() == [interface.address, METADATA]
            machine.close()

    asyncio.run(scenario())


async def _nothing(*_: object) -> None:
    return
