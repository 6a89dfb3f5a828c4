"""A daemon that dies takes answers along that were on their way: the plugin asks the next one, and nothing is made twice or forgotten."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc
import pytest

from tests.localcloud.provider.driver import connected, plugin, served
from tests.localcloud.provider.failing import BASE, NETWORK, NETWORKS, done, failure, kept, running
from tests.localcloud.provider.scripted import Scripted, refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.localcloud.provider.driver import Driver

EXISTS = refused(409, "The resource 'projects/p/global/networks/n' already exists", "alreadyExists")
THERE = (200, {"name": "n", "selfLink": f"https://www.googleapis.com{NETWORKS}/n", "id": "1"})


@asynccontextmanager
async def breaking(cloud: str, requests: dict[bytes, int]) -> AsyncIterator[str]:
    """Pass connections on to a cloud, but break off instead of answering these requests (by how they begin), so often each."""
    host, _, port = cloud.removeprefix("http://").rstrip("/").partition(":")

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
        doomed = False

        async def back() -> None:
            while data := await inner_reader.read(65536):
                if doomed:
                    break
                writer.write(data)
            writer.close()

        answering = asyncio.ensure_future(back())
        try:
            while data := await reader.read(65536):
                for beginning, left in requests.items():
                    if left and data.startswith(beginning):
                        requests[beginning] -= 1
                        doomed = True
                inner_writer.write(data)
        except ConnectionError:
            pass
        finally:
            inner_writer.close()
            await asyncio.gather(answering, return_exceptions=True)

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def drive(server: Scripted, requests: dict[bytes, int], story: Callable[[Driver], Awaitable[None]]) -> None:
    async def run() -> None:
        async with (
            served(server.app) as cloud,
            breaking(cloud, requests) as address,
            plugin() as engine,
            connected(engine) as driver,
        ):
            await driver.configure(address)
            await story(driver)

    asyncio.run(run())


def test_a_creation_that_was_taken_is_not_taken_for_a_failure() -> None:
    server = Scripted({f"POST {NETWORKS}": [done(), EXISTS], f"GET {NETWORKS}/n": THERE})

    async def story(driver: Driver) -> None:
        made = await driver.create(NETWORK, "n", {"name": "n"})
        assert made["id"] == "projects/p/global/networks/n"
        assert len(server.sent(f"POST {NETWORKS}")) == 2

    drive(server, {f"POST {NETWORKS}".encode(): 1}, story)


def test_an_operation_is_followed_over_a_daemons_death() -> None:
    operation = f"{BASE}/global/operations/op"
    server = Scripted(
        {f"POST {NETWORKS}": running(), f"GET {operation}": [running(), done()], f"GET {NETWORKS}/n": THERE}
    )

    async def story(driver: Driver) -> None:
        made = await driver.create(NETWORK, "n", {"name": "n"})
        assert made["id"] == "projects/p/global/networks/n"

    drive(server, {f"GET {operation}".encode(): 2}, story)


def test_what_is_gone_already_was_deleted() -> None:
    path = f"{NETWORKS}/n"
    server = Scripted({f"DELETE {path}": [done(), refused(404, "not found", "notFound")]})

    async def story(driver: Driver) -> None:
        urn = f"urn:pulumi:dev::test::{NETWORK}::x"
        request = {"id": "projects/p/global/networks/n", "urn": urn, "properties": {"name": "n"}}
        await driver.call("Delete", request)
        assert len(server.sent(f"DELETE {path}")) == 2

    drive(server, {f"DELETE {path}".encode(): 1}, story)


def test_what_was_asked_for_is_kept_if_nobody_tells_what_became_of_it() -> None:
    operation = f"{BASE}/global/operations/op"
    server = Scripted({f"POST {NETWORKS}": running(), f"GET {operation}": running()})

    async def story(driver: Driver) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await driver.create(NETWORK, "n", {"name": "n"})
        assert "does not answer" in failure(error)
        assert "projects/p/global/networks/n" in str(kept(error))

    drive(server, {f"GET {operation}".encode(): 99}, story)
