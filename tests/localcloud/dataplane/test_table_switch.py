"""A service's table changes under traffic: small changes in place, large ones by another table; no packet sees half of one."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing

import pytest

from localcloud.dataplane import maglev
from tests.localcloud.dataplane.cloud import running_cloud

pytestmark = pytest.mark.kernel


@pytest.mark.parametrize(
    "size", [maglev.DEFAULT_SIZE, pytest.param(maglev.MAX_SIZE, marks=pytest.mark.campaign)]
)
def test_every_datagram_of_a_new_flow_is_answered_by_somebody_while_tables_change(size: int) -> None:
    """A slot that is missing for a moment would lose the datagram, and nobody would send it again."""

    async def scenario() -> None:
        async with running_cloud(table_size=size) as cloud:
            await cloud.start("a", "b", "c")
            await cloud.balance("a", "b", "c", protocol="UDP")
            heard: set[str] = set()
            over = asyncio.Event()

            async def ask_on() -> int:
                count = 0
                while not over.is_set():
                    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
                        heard.add((await cloud.ask_datagram(sock))["name"])
                    count += 1
                return count

            asking = [asyncio.ensure_future(ask_on()) for _ in range(4)]
            for eligible in ("ab", "c", "abc", "a", "bc", "abc"):
                await cloud.balance(*eligible, protocol="UDP")
            over.set()
            counts = await asyncio.gather(*asking)
            assert min(counts) > 0
            assert heard <= {"a", "b", "c"}
            with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
                await cloud.balance("b", protocol="UDP")
                assert (await cloud.ask_datagram(sock))["name"] == "b"

    asyncio.run(scenario())


def test_connections_outlive_every_change_of_the_table() -> None:
    async def scenario() -> None:
        async with running_cloud() as cloud:
            await cloud.start("a", "b", "c")
            await cloud.balance("a", "b", "c")
            clients = [await cloud.connect() for _ in range(30)]
            homes = [(await client.ask("who"))["name"] for client in clients]
            for eligible in ("ab", "c", "abc", "b", "ac"):
                await cloud.balance(*eligible)
                assert [(await client.ask("still"))["name"] for client in clients] == homes

    asyncio.run(scenario())
