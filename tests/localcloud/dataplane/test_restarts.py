"""When a process that keeps ending is started again: at once, then ever later, and at once again if one has lived."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from localcloud.clock import VirtualClock
from localcloud.dataplane.restarts import LONGEST, STEADY, Restarts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def told(story: Callable[[VirtualClock, Restarts], Awaitable[None]]) -> None:
    async def run() -> None:
        clock = VirtualClock()
        await story(clock, Restarts("prober", clock))

    asyncio.run(run())


async def waited(clock: VirtualClock, restarts: Restarts) -> float:
    """Return for how long the next start has to wait."""
    began, waiting = clock.now(), asyncio.ensure_future(restarts.wait())
    while not waiting.done():
        await asyncio.sleep(0)
        await clock.advance(0.25)
    return clock.now() - began


def test_the_first_follows_at_once_and_the_others_later_and_later() -> None:
    async def story(clock: VirtualClock, restarts: Restarts) -> None:
        pauses = []
        for _ in range(10):
            restarts.began()
            pauses.append(await waited(clock, restarts))
        assert pauses[0] <= 0.25
        assert pauses[1:] == [0.5, 1, 2, 4, 8, 16, LONGEST, LONGEST, LONGEST]

    told(story)


def test_what_does_not_even_start_is_tried_later_and_later_too() -> None:
    async def story(clock: VirtualClock, restarts: Restarts) -> None:
        pauses = [await waited(clock, restarts) for _ in range(4)]
        assert pauses[1:] == [0.5, 1, 2]

    told(story)


def test_one_that_lived_is_followed_at_once() -> None:
    async def story(clock: VirtualClock, restarts: Restarts) -> None:
        for _ in range(5):
            restarts.began()
            await waited(clock, restarts)
        restarts.began()
        await clock.advance(STEADY)
        assert await waited(clock, restarts) <= 0.25

    told(story)


def test_it_is_told_while_it_goes_on_and_no_longer() -> None:
    async def story(clock: VirtualClock, restarts: Restarts) -> None:
        restarts.began()
        await waited(clock, restarts)
        assert restarts.problem() == "", "anybody may die once"
        restarts.began()
        waiting = asyncio.ensure_future(restarts.wait())
        await asyncio.sleep(0)
        words = "the prober ended 2 times in a row within 60 s of its start"
        assert restarts.problem() == f"{words}; the next is started in 0.5 s"
        await clock.advance(0.5)
        await waiting
        restarts.began()
        assert restarts.problem() == words
        await clock.advance(STEADY)
        assert restarts.problem() == ""

    told(story)
