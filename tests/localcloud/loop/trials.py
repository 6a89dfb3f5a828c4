"""Many trials of the closed loop in one cloud: as many groups as there are trials under way, each with a balancer and checks of its own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.localcloud.loop import trial
from tests.localcloud.loop.lateness import ControlTimer, control_timer
from tests.localcloud.loop.live import LiveCloud, live_cloud
from tests.localcloud.loop.settings import Settings
from tests.localcloud.loop.trial import Trial

SIZE = 2  # instances in a group: one dies, one must not


@dataclass
class Campaign:
    """Trials, of all strata."""

    trials: list[Trial] = field(default_factory=list)

    def of(self, stratum: str) -> Campaign:
        """Return those of one stratum."""
        return Campaign([each for each in self.trials if each.stratum == stratum])

    def count(self, outcome: trial.Outcome) -> int:
        """Return how many ended so."""
        return sum(1 for each in self.trials if each.outcome() == outcome)

    def broken(self) -> list[str]:
        """Return what was not kept by whom, of those that ended so."""
        return [
            f"{each.victim} ({each.how}; {each.balancer}; {each.healing}): {words}"
            for each in self.trials
            if each.outcome() == "broken"
            for words in each.broken()
        ]

    @property
    def kept_share(self) -> float:
        """Return which share kept every promise, of those during which the machine was on time."""
        counted = self.count("kept") + self.count("broken")
        return self.count("kept") / counted if counted else 0.0


async def campaign(
    count: int,
    groups: int,
    *,
    seed: int,
    found: Campaign,
    stratum: str,
    speed: float,
    draw: Callable[[random.Random], Settings],
    told: Callable[[], None] = lambda: None,
) -> None:
    """Add trials of one stratum to what was found, on a cloud of their own, one per group at a time; `told` is called after each."""
    left = iter(range(count))
    async with live_cloud(speed) as cloud, control_timer() as timer:
        await cloud.build()
        names = [f"g{number}" for number in range(min(groups, count))]
        for name in names:
            await cloud.group(name, SIZE)
        await cloud.settled(len(names) * SIZE)
        async with asyncio.TaskGroup() as tasks:
            for name in names:
                # each with lots of its own: which trial comes first must not change what the others draw
                rng = random.Random(f"{seed} {stratum} {name}")  # noqa: S311 - repeatable, not secret
                line = _Line(cloud, name, timer, rng, draw, stratum)
                tasks.create_task(line.work(left, found, told))


@dataclass(frozen=True)
class _Line:
    """One group, and the trials it goes through one after another."""

    cloud: LiveCloud
    group: str
    timer: ControlTimer
    rng: random.Random
    draw: Callable[[random.Random], Settings]
    stratum: str

    async def work(self, left: Iterator[int], found: Campaign, told: Callable[[], None]) -> None:
        """Take trials while there are any left."""
        members = [each["name"] for each in await self.cloud.instances(self.group)]
        for _ in left:
            done = await trial.run(
                self.cloud,
                self.group,
                members,
                self.timer,
                rng=self.rng,
                draw=self.draw,
                stratum=self.stratum,
            )
            found.trials.append(done)
            told()
            if done.trouble:
                return  # its instances are not what the next trial would take them for; other groups have the rest
