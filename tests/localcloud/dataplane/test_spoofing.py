"""Nobody is heard who speaks from an address that no machine of its subnetwork can have: the router drops it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess

import pytest

from tests.localcloud.dataplane.cloud import PATIENCE, PYTHON, SUBNETWORK, Cloud, running_cloud

pytestmark = pytest.mark.kernel

# prints whom it has heard once it has heard everybody that it should
HEARING = """
import json, os, socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("", 8080))
os.write(3, b"r")
heard, wanted = set(), set(sys.argv[1:])
while not wanted <= heard:
    heard.add(sock.recvfrom(64)[1][0])
print(json.dumps(sorted(heard)))
"""
# IP_TRANSPARENT (19): a socket may be bound to an address that is not its machine's
SPEAKING = """
import socket, sys
for source in sys.argv[2:]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, 19, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.bind((source, 0))
        sock.sendto(b"hello", (sys.argv[1], 8080))
"""
FALSE = [
    SUBNETWORK.gateway,
    "10.128.0.0",  # the subnetwork's own
    "10.128.15.255",  # everybody in it
    "10.129.0.2",  # another subnetwork's
    "127.0.0.5",  # the router's own loopback
    "192.0.2.1",  # the router, where clients come from
    "130.211.0.2",  # a prober
    "198.18.0.1",  # a client
]


def _speak(cloud: Cloud, name: str, address: str, *sources: str) -> None:
    """Send datagrams from a machine, with rights there that nobody in it has."""
    enter = ["nsenter", "-t", str(cloud.machines[name].pid), "-U", "-n", "--preserve-credentials"]
    subprocess.run([*enter, PYTHON, "-c", SPEAKING, address, *sources], check=True)


def test_who_speaks_from_an_address_that_is_no_machines_is_not_heard() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("b")
            interface = cloud.interface("a")
            true = [cloud.interfaces["b"].address, cloud.address]
            ready, ready_there = os.pipe()
            told, told_there = os.pipe()
            await cloud.begin("a", HEARING, {1: told_there, 2: 2, 3: ready_there}, *true)
            for descriptor in (ready_there, told_there):
                os.close(descriptor)
            async with asyncio.timeout(PATIENCE):
                with os.fdopen(ready, "rb") as listening, os.fdopen(told, "rb") as printed:
                    assert await asyncio.to_thread(listening.read, 1) == b"r"
                    await asyncio.to_thread(_speak, cloud, "b", interface.address, *FALSE)
                    heard = asyncio.ensure_future(asyncio.to_thread(printed.read))
                    while not heard.done():  # datagrams may be lost on a busy machine
                        await asyncio.to_thread(_speak, cloud, "b", interface.address, *true)
                    assert json.loads(await heard) == sorted(true)

    asyncio.run(scenario())
