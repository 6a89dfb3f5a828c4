"""Clients: a steady stream of requests through a forwarding rule, each on a connection of its own, and what became of each."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.localcloud.loop.service import PORT

if TYPE_CHECKING:
    from collections.abc import Callable

# How long clients wait for an answer to begin, in seconds. A short one is less than the second after which a lost SYN is sent again: then a
# request to a dead instance fails, whatever the balancer's table becomes meanwhile.
PATIENCE, SHORT = 20.0, 0.9


@dataclass(frozen=True)
class Request:
    """One request. Times are this machine's monotonic clock's; `held`: how long it was to take, in seconds.

    `instance` and `version` say who answered, if anybody did; `met`: when it had said so.
    """

    started: float
    ended: float
    held: float
    met: float
    instance: str
    version: str
    trouble: str

    @property
    def due(self) -> float:
        """When it was to end."""
        return self.met + self.held


class Load:
    """Requests at a steady rate until the block ends; it ends when the last of them has."""

    def __init__(
        self,
        address: str,
        per_second: float,
        held: Callable[[], float] = lambda: 0.0,
        *,
        patience: float = PATIENCE,
    ) -> None:
        """`held()` says of each request how long it shall take, in seconds."""
        self._address, self._gap, self._held, self._patience = address, 1 / per_second, held, patience
        self._under_way: set[asyncio.Task[None]] = set()
        self.requests: list[Request] = []

    async def __aenter__(self) -> Self:
        self._pacer = asyncio.create_task(self._pace())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._pacer.cancel()
        await asyncio.gather(self._pacer, return_exceptions=True)
        await asyncio.gather(*self._under_way)

    async def _pace(self) -> None:
        due = time.monotonic()
        while True:
            task = asyncio.create_task(self._one(self._held()))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            due += self._gap
            await asyncio.sleep(due - time.monotonic())

    async def _one(self, held: float) -> None:
        started = met = time.monotonic()
        instance = version = trouble = ""
        writer = None
        try:
            async with asyncio.timeout(self._patience):
                reader, writer = await asyncio.open_connection(self._address, PORT)
                writer.write(
                    f"GET /{f'?{held:.3f}' if held else ''} HTTP/1.1\r\nHost: service\r\n\r\n".encode()
                )
                head = await reader.readuntil(b"\r\n\r\n")
                instance, version = (await reader.readuntil(b"\n")).decode().split()
                met = time.monotonic()
            if b" 200 " not in head.split(b"\r\n", 1)[0] + b" ":
                trouble = head.split(b"\r\n", 1)[0].decode()
            async with asyncio.timeout(held + self._patience):
                rest = await reader.read()
            if rest != b"done\n":
                trouble = trouble or "cut off"
        except TimeoutError:
            trouble = "no answer"
        except (OSError, asyncio.IncompleteReadError) as error:
            trouble = repr(error)
        finally:
            if writer is not None:
                writer.close()
        self.requests.append(Request(started, time.monotonic(), held, met, instance, version, trouble))
