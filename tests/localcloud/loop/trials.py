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
# Five cloud seconds in one of this machine's: the shortest time-out is then 0.4 s of it, and its usual lateness 0.1 cloud seconds.
SPEED = 5.0


@dataclass
class Campaign:
    """Trials at one speed."""

    speed: float
    trials: list[Trial] = field(default_factory=list)

    def count(self, outcome: trial.Outcome) -> int:
        """Return how many ended so."""
        return sum(1 for each in self.trials if each.outcome(self.speed) == outcome)

    def broken(self) -> list[str]:
        """Return what was not kept by whom, of those that ended so."""
        return [
            f"{each.victim} ({each.how}; {each.balancer}; {each.healing}): {words}"
            for each in self.trials
            if each.outcome(self.speed) == "broken"
            for words in each.broken(self.speed)
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
    told: Callable[[Campaign], None] = lambda _: None,
    speed: float = SPEED,
    draw: Callable[[random.Random], Settings] = Settings.draw,
) -> Campaign:
    """Run trials on a cloud of their own, one per group at a time; `told` is called after each."""
    found = Campaign(speed)
    left = iter(range(count))
    async with live_cloud(speed) as cloud, control_timer() as timer:
        await cloud.build()
        names = [f"g{number}" for number in range(groups)]
        for name in names:
            await cloud.group(name, SIZE)
        await cloud.settled(groups * SIZE)
        async with asyncio.TaskGroup() as tasks:
            for name in names:
                # each with lots of its own: which trial comes first must not change what the others draw
                rng = random.Random(f"{seed} {name}")  # noqa: S311 - repeatable, not secret
                tasks.create_task(_Line(cloud, name, timer, rng, draw).work(left, found, told))
    return found


@dataclass(frozen=True)
class _Line:
    """One group, and the trials it goes through one after another."""

    cloud: LiveCloud
    group: str
    timer: ControlTimer
    rng: random.Random
    draw: Callable[[random.Random], Settings]

    async def work(self, left: Iterator[int], found: Campaign, told: Callable[[Campaign], None]) -> None:
        """Take trials while there are any left."""
        members = [each["name"] for each in await self.cloud.instances(self.group)]
        for _ in left:
            done = await trial.run(self.cloud, self.group, members, self.timer, rng=self.rng, draw=self.draw)
            found.trials.append(done)
            told(found)
            if done.trouble:
                return  # its instances are not what the next trial would take them for; other groups have the rest
