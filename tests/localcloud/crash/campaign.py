"""Deaths at random moments of a cloud at work, and what must hold after each."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from localcloud.dataplane.namespaces import start_time
from tests.localcloud.crash import leftovers, victims
from tests.localcloud.crash.cloud import CrashCloud, crash_cloud
from tests.localcloud.crash.operations import BUCKET, Operations
from tests.localcloud.crash.talkers import Report, Talkers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# Who dies, how often by lot, several at once included.
LOTS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (10, ("daemon",)),
    (2, ("keeper",)),
    (2, ("plugin",)),
    (2, ("agent",)),
    (3, ("worker",)),
    (2, ("prober",)),
    (2, ("delayer",)),
    (2, ("door",)),
    (3, ("daemon", "door")),
    (2, ("daemon", "worker")),
    (2, ("daemon", "agent")),
    (1, ("daemon", "plugin")),
    (1, ("daemon", "keeper")),
    (1, ("hanging prober",)),
    (1, ("hanging door",)),
)
_HANGING = "hanging "  # one that is stopped: its daemon has to notice, and to end it
_COMMAND = (sys.executable, "-m", "localcloud")
_MOST_WAIT = 0.6  # real seconds of work before a death
_SIZE = 3


@dataclass
class Death:
    """One death, and what it cost. `back`: seconds until a daemon had adopted everything, if one died."""

    victims: tuple[str, ...]
    back: float | None = None
    gap: float = 0.0  # the longest that an echo took
    slowest: float = 0.0  # the longest that a new connection took
    echoed: int = 0
    made: int = 0

    def line(self, number: int) -> str:
        """Say it in a line."""
        back = "" if self.back is None else f", a daemon back after {self.back:.2f} s"
        return f"{number}: {' and '.join(self.victims)}{back}; longest echo {self.gap:.2f} s, longest beginning {self.slowest:.2f} s"


@dataclass
class Campaign:
    """What was found."""

    deaths: list[Death] = field(default_factory=list)
    acknowledged: int = 0
    lost: int = 0


class Stage:
    """The cloud, its clients, and the stream of requests."""

    def __init__(
        self, cloud: CrashCloud, address: str, rng: random.Random, talker: Mapping[str, str]
    ) -> None:
        self.cloud, self._address, self._rng, self._talker = cloud, address, rng, talker["name"]
        zone = f"projects/local/zones/{talker['zone']}"
        self.operations = Operations(cloud, rng, f"/compute/v1/{zone}/instances/{self._talker}")
        self.lives: dict[str, str] = {}
        self._host: Talkers | None = None
        self._beside: Talkers | None = None
        self._inside: Talkers | None = None

    async def begin(self) -> None:
        """Have clients everywhere."""
        self._host = await Talkers.begin(self._address, self.cloud.environment)
        self._inside = await Talkers.begin(
            self._address, self.cloud.environment, [*_COMMAND, "ssh", self._talker, "--"], "/usr/bin/python3"
        )
        await self._begin_beside()

    async def _begin_beside(self) -> None:
        command = [*_COMMAND, "client", "--"]
        self._beside = await Talkers.begin(self._address, self.cloud.environment, command)

    async def end(self) -> None:
        """Send the clients away."""
        for each in (self._host, self._beside, self._inside):
            if each is not None:
                await each.end()

    async def death(self, who: tuple[str, ...]) -> Death:
        """Let one happen while requests are under way, and hold what comes of it to what was promised."""
        told = Death(who)
        working, over = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            while not over.is_set():
                working.set()
                await self.operations.one()

        stream = asyncio.create_task(work())
        try:
            await working.wait()
            await asyncio.sleep(
                self._rng.random() * _MOST_WAIT
            )  # the moment that is drawn, not a way to wait for something
            there = victims.census(self.cloud.home)
            before = there["daemon"]
            chosen = {role: there[role.removeprefix(_HANGING)] for role in who}
            pids = {role: self._rng.choice(those) for role, those in chosen.items() if those}
            hanging = [pid for role, pid in pids.items() if role.startswith(_HANGING)]
            at = time.monotonic()
            await victims.kill(set(pids.values()) - set(hanging))
            await self._end_of(hanging)
            if {"daemon", "keeper"} <= set(who):
                await self.cloud.command("start")  # both at once: nobody is there to start anything
            pid = await self.cloud.adopted()
            if "daemon" in who:
                told.back = time.monotonic() - at
                assert [pid] != before
            else:
                assert [pid] == before, "it was not the daemon that was killed"
        finally:
            over.set()
            await stream
        await self._hold(told, cut=any(role.endswith("door") for role in who))
        return told

    async def _end_of(self, hanging: Sequence[int]) -> None:
        """Have these hang, and wait until they are noticed and ended."""
        for pid in hanging:
            os.kill(pid, signal.SIGSTOP)
        for pid in hanging:
            await self.cloud.until("the end of one that hangs", partial(_has_ended, pid))

    async def _hold(self, told: Death, *, cut: bool) -> None:
        await self.operations.check()
        await self._replaced()
        members = await self.cloud.at_rest("web", _SIZE)
        size = next(iter(self.operations.expected.get(_OTHER, {"2"})))
        await self.cloud.at_rest("other", int(size))
        await self._clients(told, cut=cut)
        await self._heard({each["name"] for each in members}, told)
        await self._nothing_left()

    async def _replaced(self) -> None:
        """Wait until whoever died has a successor, who is at work."""
        roles = ("daemon", "keeper", "plugin", "prober", "delayer", "door")

        def all_there() -> bool:
            there = victims.census(self.cloud.home)
            return all(there[role] for role in roles)

        await self.cloud.until(f"a process each that is {', '.join(roles)}", all_there)

    async def _clients(self, told: Death, *, cut: bool) -> None:
        """See what became of everybody's connections. `cut`: the door died, through which the host's and the clients' go."""
        assert self._host is not None
        assert self._beside is not None
        assert self._inside is not None
        reports = [await self._inside.report()]
        if cut:
            await self._beside.end()
            await self._begin_beside()
            await self._talking(self._beside)
            await self._host.report()  # what was cut off is told, and is no fault; from here on nothing is
            await self._talking(self._host)
        else:
            reports += [await self._host.report(), await self._beside.report()]
        for report in reports:
            assert report.echoed
            self._judge(report, told)

    async def _heard(self, members: set[str], told: Death) -> None:
        """Wait until each of these has answered somebody, if none has yet, and nobody else: the hash chooses who is heard."""
        assert self._inside is not None
        while not members <= self.lives.keys():
            self._judge(await self._inside.report(), told)
        assert members == self.lives.keys()

    async def _talking(self, talkers: Talkers) -> None:
        """Wait until every place's clients are well: new connections are made, and nothing is in trouble any more."""

        async def wanted() -> bool:
            report = await talkers.report()
            return report.made > 0 and report.echoed > 0 and not report.troubles

        await self.cloud.until("clients that talk again", wanted)

    def _judge(self, report: Report, told: Death) -> None:
        assert not report.troubles, f"{' and '.join(told.victims)} died: {report.troubles}"
        for name, life in report.lives.items():
            assert self.lives.setdefault(name, life) == life, f"{name} has been started anew"
        told.gap, told.slowest = max(told.gap, report.gap), max(told.slowest, report.slowest)
        told.echoed += report.echoed
        told.made += report.made

    async def _nothing_left(self) -> None:
        last: list[str] = []

        async def wanted() -> bool:
            listed = await self.cloud.read("/compute/v1/projects/local/aggregated/instances")
            scopes = listed["items"].values()
            there = {each["id"]: each["name"] for scope in scopes for each in scope.get("instances", ())}
            last[:] = await leftovers.found(self.cloud.home, there, 3)
            return not last

        try:
            await self.cloud.until("nothing left over", wanted)
        except AssertionError as error:
            msg = f"left over: {last}"
            raise AssertionError(msg) from error


_OTHER = "/compute/v1/projects/local/regions/europe-west1/instanceGroupManagers/other"


def _has_ended(pid: int) -> bool:
    return start_time(pid) is None


def by_lot(seed: int, count: int) -> Sequence[tuple[str, ...]]:
    """Draw so many deaths' victims."""
    weights = [weight for weight, _ in LOTS]
    return [who for _, who in random.Random(seed).choices(LOTS, weights, k=count)]  # noqa: S311 - repeatable


async def run(seed: int, deaths: Sequence[tuple[str, ...]], say: Callable[[str], None]) -> Campaign:
    """Have these deaths in one cloud, at moments that the seed decides."""
    rng = random.Random(seed)  # noqa: S311 - repeatable
    found = Campaign()
    async with crash_cloud() as cloud:
        await cloud.build()
        address = await cloud.group("web", _SIZE)
        await cloud.group("other", 2)
        await cloud.group("lone", 1)
        bucket = await cloud.ask("POST", "/storage/v1/b?project=local", {"name": BUCKET, "location": "EU"})
        assert bucket is not None
        assert bucket.is_success, bucket.text
        members = await cloud.at_rest("web", _SIZE)
        await cloud.at_rest("other", 2)
        (talker,) = await cloud.at_rest("lone", 1)
        delay = {"kind": "delay", "between": [members[0]["name"], "client"], "delaySeconds": 0.005}
        fault = await cloud.ask("POST", "/localcloud/v1/faults", delay)
        assert fault is not None
        assert fault.is_success, fault.text
        stage = Stage(cloud, address, rng, talker)
        await stage.begin()
        try:
            for number, who in enumerate(deaths, 1):
                told = await stage.death(who)
                found.deaths.append(told)
                say(told.line(number))
            await stage.operations.check(everything=True)
        finally:
            found.acknowledged, found.lost = stage.operations.acknowledged, stage.operations.lost
            await stage.end()
    return found
