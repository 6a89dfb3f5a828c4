"""The story that a cloud tells, followed as it is told: every event is there for whoever waits for it."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import httpx

Event = dict[str, Any]


class Story:
    """All events in their order, and by whom they are about."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._about: defaultdict[str, list[Event]] = defaultdict(list)
        self._told = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self.last = 0

    async def begin(self) -> None:
        """Begin to follow; what was told before is told again."""
        self._reader = asyncio.create_task(self._read())

    async def end(self) -> None:
        """Follow no longer."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    def of(self, subject: str, after: int = 0) -> Sequence[Event]:
        """Return what was told of an instance (or group) after an event's number."""
        return [event for event in self._about[subject] if event["seq"] > after]

    async def more(self, known: int) -> None:
        """Wait until there is an event after this number."""
        while self.last <= known:
            assert self._reader is not None, "nobody follows the story"
            if self._reader.done():
                self._reader.result()
                msg = "the cloud tells nothing any more"
                raise AssertionError(msg)
            told = self._told
            await told.wait()

    async def happens(self, subject: str, wanted: Callable[[Event], bool], after: int) -> Event:
        """Return the first event about a subject, after a number, that is wanted; wait for it if need be."""
        place, known = 0, -1
        while True:
            about = self._about[subject]
            while place < len(about):
                event = about[place]
                place += 1
                if event["seq"] > after and wanted(event):
                    return event
            known = self.last
            await self.more(known)

    async def _read(self) -> None:
        url = "/localcloud/v1/events?after=0&follow=1"
        try:
            async with self._http.stream("GET", url, timeout=None) as lines:
                async for line in lines.aiter_lines():
                    event: Event = json.loads(line)
                    self._about[event["subject"]].append(event)
                    self.last = event["seq"]
                    self._wake()
        finally:
            self._wake()

    def _wake(self) -> None:
        told, self._told = self._told, asyncio.Event()
        told.set()
