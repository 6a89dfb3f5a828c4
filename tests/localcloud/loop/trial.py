"""One trial of the closed loop: an instance dies or hangs under settings drawn by lot, and every step until its return is timed.

What the settings promise, with probes every I seconds from start to start, a timeout T and thresholds k (unhealthy) and h (healthy): a
silent death is noticed after (k-1)I+T to kI+T seconds, by each check for itself and by the middle one of its probers; T sooner if the
last probe was not left waiting, as one is not that the dying instance was just answering. From then on nothing waits for anything but the
controllers: the balancer sends nothing more, the group recreates, and the newcomer returns with the h-th success, (h-1)I after its first,
plus the time of one answer. All times are the cloud's, and those of the events themselves: when a probe ended by the prober's clock, when
a table was in force; never when somebody looked.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tests.localcloud.loop.settings import Settings

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from tests.localcloud.loop.lateness import ControlTimer
    from tests.localcloud.loop.live import LiveCloud
    from tests.localcloud.loop.story import Event

# Real seconds; cloud time hurries, so they are multiplied by the speed.
ALLOWANCE = 0.15  # what this machine may be late by: timers, scheduling, a commit
PROMPT = 1.0  # what the controllers may take from a verdict: to decide, to fill a balancer's table
BOOT = 2.0  # what an instance may take to be gone and another to run, and again until it serves
LATE = 0.1  # what the machine may be late by with a hundredth of a second's work, before it is too busy for a trial to say anything
TUNED = (
    2.0  # until the probers have new settings: a plan of many probes is made anew at most every half second
)
PATIENCE = 90.0  # beyond what was promised, before a trial counts as one that never ended

Outcome = Literal["kept", "broken", "apart"]
STEPS = (
    "balancer detection", "autohealing detection", "drain", "recreation", "boot", "first answer", "return", "traffic",
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """What was measured, in cloud seconds, against what was promised."""

    name: str
    took: float
    least: float
    most: float

    def kept(self, slack: float) -> bool:
        """Whether it lies within its bounds, but for a machine's lateness."""
        return self.least - slack <= self.took <= self.most + slack


@dataclass
class Trial:
    """One instance's end and return. `late`: by how much the machine was itself late meanwhile, in real seconds; `speed`: the clock's."""

    victim: str
    how: str
    balancer: Settings
    healing: Settings
    steps: list[Step] = field(default_factory=list)
    trouble: str = ""  # what else went wrong: it never ended, a bystander was condemned
    late: float = 0.0
    stratum: str = "usual"
    speed: float = 5.0

    def broken(self) -> list[str]:
        """Return what was promised and not kept."""
        slack = ALLOWANCE * self.speed
        found = [
            f"{step.name} took {step.took:.2f} s, promised were {step.least:g} to {step.most:g} s"
            for step in self.steps
            if not step.kept(slack)
        ]
        return [*found, self.trouble] if self.trouble else found

    def outcome(self) -> Outcome:
        """Say how it ended; one during which the machine itself was late is counted apart, kept or not."""
        if self.late > LATE:
            return "apart"
        return "broken" if self.broken() else "kept"


def _kind(kind: str, **data: str) -> Callable[[Event], bool]:
    """Return what asks for an event of a kind; `left` and `entered` ask for a verdict's states."""

    def asked(event: Event) -> bool:
        if event["kind"] != kind:
            return False
        if "left" in data and event["data"]["from"] != data["left"]:
            return False
        return "entered" not in data or event["data"]["to"] == data["entered"]

    return asked


async def run(
    cloud: LiveCloud,
    group: str,
    members: Sequence[str],
    timer: ControlTimer,
    *,
    rng: random.Random,
    draw: Callable[[random.Random], Settings],
    stratum: str,
) -> Trial:
    """Have one of a group's instances die or hang, and time what follows."""
    trial = Trial(rng.choice(members), rng.choice(("kill", "hang")), draw(rng), draw(rng))
    trial.stratum, trial.speed = stratum, cloud.speed
    for check, drawn in (("lb", trial.balancer), ("heal", trial.healing)):
        await cloud.tune(f"{group}-{check}", drawn)
    # Deaths come at any moment of an interval; and the probers have had their new settings for a while.
    longest = max(trial.balancer.interval, trial.healing.interval)
    await cloud.pass_time(TUNED * cloud.speed + rng.uniform(0, longest))
    since, began = cloud.story.last, time.monotonic()
    promised = trial.healing.detection[1] + max(
        each.interval + each.streak for each in (trial.balancer, trial.healing)
    )
    try:
        async with asyncio.timeout(promised / cloud.speed + PATIENCE):
            await cloud.operate(
                trial.victim, trial.how, **({"seconds": 86_400.0} if trial.how == "hang" else {})
            )
            await _follow(cloud, trial, since)
    except TimeoutError:
        trial.trouble = "it never ended"
    for name in members:
        if name != trial.victim and any(
            _kind("health.balancer", left="HEALTHY")(event)
            or _kind("health.autohealing", left="HEALTHY")(event)
            for event in cloud.story.of(name, since)
        ):
            trial.trouble = trial.trouble or f"{name}, which was well, was condemned"
    trial.late = timer.worst(began, time.monotonic())
    return trial


async def _follow(cloud: LiveCloud, trial: Trial, since: int) -> None:
    async def happens(kind: str, after: int, **data: str) -> Event:
        return await cloud.story.happens(trial.victim, _kind(kind, **data), after)

    broken = await happens(f"operator.{trial.how}", since)
    condemned = await happens("health.autohealing", since, left="HEALTHY")
    recreated = await happens("autohealing.recreate", condemned["seq"])
    removed = await happens("balancer.removed", since)
    # The balancer's check has a verdict only if it was the faster one: an instance on its way out is not probed any more.
    noticed = next(
        filter(
            _kind("health.balancer", left="HEALTHY"),
            (each for each in cloud.story.of(trial.victim, since) if each["seq"] < recreated["seq"]),
        ),
        None,
    )
    running = await happens("instance.running", recreated["seq"])
    healthy = await happens("health.balancer", running["seq"], entered="HEALTHY")
    added = await happens("balancer.added", healthy["seq"])
    await happens("instance.ready", recreated["seq"])

    prompt, boot = PROMPT * cloud.speed, BOOT * cloud.speed
    verdicts = [each["data"]["ended_at"] for each in (noticed, condemned) if each is not None]
    success = healthy["data"]
    first = success["first_sent_at"]

    def step(name: str, took: float, least: float, most: float) -> None:
        trial.steps.append(Step(name, took, least, most))

    for who, verdict, settings in (
        ("balancer", noticed, trial.balancer),
        ("autohealing", condemned, trial.healing),
    ):
        if verdict is not None:
            silent = verdict["data"]["outcome"] == "timeout"
            took = verdict["data"]["ended_at"] - broken["at"]
            step(f"{who} detection", took, *(settings.detection if silent else settings.refusal))
    step("drain", removed["at"] - min(verdicts), 0, prompt)
    step("recreation", recreated["at"] - condemned["data"]["ended_at"], 0, prompt)
    step("boot", running["at"] - recreated["at"], 0, boot)
    step("first answer", first - running["at"], 0, trial.balancer.interval + boot)
    step("return", success["ended_at"] - first, trial.balancer.streak, trial.balancer.streak)
    step("traffic", added["at"] - success["ended_at"], 0, prompt)
