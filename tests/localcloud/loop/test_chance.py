"""The service that answers by lot: what was not read is drawn for the next one, so nothing that is drawn is missing."""

from __future__ import annotations

import asyncio
import select
import socket
from contextlib import asynccontextmanager
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from tests.localcloud.loop import chance

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

A, Q = 0.3, 0.6
PATIENCE = 60.0
REQUEST = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"


class Prober:
    """Asks as a prober does: from its own address, one probe after the other."""

    def __init__(self, port: int, address: str, path: str) -> None:
        self.port, self.address, self.path = port, address, path
        self.drawn = chance.draws(A, Q, address, path)

    def ask(self) -> socket.socket:
        """Send a request."""
        asking = socket.create_connection(("127.0.0.1", self.port), source_address=(self.address, 0))
        asking.sendall(REQUEST % self.path.encode())
        return asking

    async def hear(self) -> bool:
        """Ask, and return whether the answer says that it is lost."""
        with self.ask() as asking:
            heard = await asyncio.to_thread(asking.recv, 4096)
        return heard.startswith(b"HTTP/1.1 503 ")

    def give_up_before_the_answer(self) -> None:
        """Ask, and close before the service can know of it."""
        self.ask().close()

    async def give_up_before_reading(self) -> None:
        """Ask, and close when the answer is there."""
        with self.ask() as asking:
            await asyncio.to_thread(select.select, [asking], [], [], PATIENCE)

    def heard_all(self, count: int) -> list[bool]:
        """Return what is drawn next, so many times."""
        return list(islice(self.drawn, count))


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    """Yield the port of a service."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = await chance.serve(A, Q, listener)
    async with server:
        yield listener.getsockname()[1]


def test_each_prober_hears_the_draws_of_each_of_its_paths() -> None:
    async def story() -> None:
        async with served() as port:
            probers = [Prober(port, f"127.0.0.{n}", path) for n in (2, 3) for path in ("/0", "/1")]
            found = [[await prober.hear() for prober in probers] for _ in range(40)]
        expected = [prober.heard_all(40) for prober in probers]
        assert [list(each) for each in zip(*found, strict=True)] == expected
        assert len({tuple(each) for each in expected}) == len(probers)

    asyncio.run(story())


def test_who_gives_up_takes_nothing_from_what_is_drawn() -> None:
    async def story() -> None:
        async with served() as port:
            prober, found = Prober(port, "127.0.0.2", "/0"), []
            for number in range(60):
                for _ in range(number % 3):
                    prober.give_up_before_the_answer()
                    await prober.give_up_before_reading()
                found.append(await prober.hear())
        assert found == prober.heard_all(60)

    asyncio.run(story())


def test_lost_answers_come_in_bursts() -> None:
    drawn = list(islice(chance.draws(0.1, 0.6, "127.0.0.2", "/0"), 20_000))
    after_lost = [later for earlier, later in pairwise(drawn) if earlier]
    after_none = [later for earlier, later in pairwise(drawn) if not earlier]
    assert abs(sum(after_lost) / len(after_lost) - 0.6) < 0.03
    assert abs(sum(after_none) / len(after_none) - 0.1) < 0.03
