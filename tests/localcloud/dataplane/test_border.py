"""Nothing leaves the machine: what instances send to addresses outside is counted and dropped, and no link leads out."""

from __future__ import annotations

import asyncio
import json
import subprocess

import pytest

from localcloud.dataplane.addresses import INTERNET_LINK, NOWHERE_LINK, bridge_name, link_name
from tests.localcloud.dataplane.cloud import SUBNETWORK, Cloud, running_cloud

pytestmark = pytest.mark.kernel

SENDING = """
import socket, sys
for address in sys.argv[1:]:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as sock:
            sock.setblocking(False)
            try:
                print(sock.connect_ex((address, 53)) in {0, 115} and (kind == socket.SOCK_STREAM or sock.send(b"x") == 1))
            except OSError as error:
                print(error)
"""
OUTSIDE = ["8.8.8.8", "1.1.1.1", "192.0.2.77", "10.77.0.1", "172.16.0.1"]


def _links(cloud: Cloud) -> set[str]:
    """Return the router's links, but for their other ends' names."""
    enter = ["nsenter", "-t", str(cloud.world.holder_pid), "-U", "-n", "--preserve-credentials"]
    shown = subprocess.run([*enter, "ip", "-json", "link", "show"], capture_output=True, check=True)
    return {link["ifname"] for link in json.loads(shown.stdout)}


def test_what_is_sent_outside_is_dropped_and_counted_and_no_link_leads_there() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a")
            await cloud.balance("a")
            await cloud.ask()
            assert await cloud.world.border() == {"astray": 0, "outside": 0}
            printed = await cloud.execute("b", SENDING, *OUTSIDE)
            assert printed.split() == ["True"] * 2 * len(OUTSIDE)  # they were sent: nobody told the instance
            counted = await cloud.world.border()
            assert counted["outside"] == 0
            assert counted["astray"] >= 2 * len(OUTSIDE)
            known = {"lo", NOWHERE_LINK, "nobody", INTERNET_LINK, bridge_name(SUBNETWORK.key), link_name("a")}
            assert _links(cloud) == known

    asyncio.run(scenario())
