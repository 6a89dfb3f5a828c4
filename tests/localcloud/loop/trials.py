"""One trial of the closed loop: an instance dies or hangs under settings drawn by lot, and every step until its return is timed.

What the settings promise, with probes every I seconds from start to start, a timeout T and thresholds k (unhealthy) and h (healthy): a
silent death is noticed after (k-1)I+T to kI+T seconds, by each check for itself. From then on nothing waits for anything but the
controllers: the balancer sends nothing more, the group recreates, and the newcomer returns with the h-th success, (h-1)I after
its first, plus the time of one answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from tests.localcloud.loop.live import LiveCloud

# What a machine may be late by, in real seconds: timers, scheduling, a commit. Cloud time hurries, so both are multiplied by the speed.
ALLOWANCE = 0.15
# What the controllers may take, in real seconds: a decision, a balancer's table, an event.
PROMPT = 1.0


@dataclass(frozen=True)
class Settings:
    """One check's: seconds, seconds, and counts."""

    interval: int
    timeout: int
    unhealthy: int
    healthy: int

    @classmethod
    def draw(cls, rng: random.Random, *, longest: int, most: int) -> Settings:
        """Draw by lot, up to this interval and this many failures."""
        interval = rng.randint(4, longest)
        return cls(interval, rng.randint(2, interval), rng.randint(2, most), rng.randint(1, 3))

    @property
    def detection(self) -> tuple[float, float]:
        """How soon and how late a silent death is noticed."""
        least = (self.unhealthy - 1) * self.interval + self.timeout
        return least, least + self.interval


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
    """One instance's end and return."""

    group: str
    victim: str
    how: str
    balancer: Settings
    healing: Settings
    since: int  # the story's length when it began
    steps: list[Step] = field(default_factory=list)

    def over(self, story: list[dict[str, Any]]) -> bool:
        """Whether the newcomer has returned to the balancer and to the group's confidence."""
        recreated = self._find(story, "autohealing.recreate")
        if recreated is None:
            return False
        told = [
            event for event in story if event["seq"] > recreated["seq"] and event["subject"] == self.victim
        ]
        returned = any(event["kind"] == "balancer.added" for event in told)
        trusted = any(
            event["kind"] == "health.autohealing" and event["data"]["to"] == "HEALTHY" for event in told
        )
        return returned and trusted

    def judge(self, story: list[dict[str, Any]], prompt: float) -> None:
        """Time every step; `prompt` is what the controllers may take, in cloud seconds."""
        broken = self._must(story, f"operator.{self.how}")
        noticed = self._must(story, "health.balancer", leaves="HEALTHY")
        removed = self._must(story, "balancer.removed")
        condemned = self._must(story, "health.autohealing", leaves="HEALTHY")
        recreated = self._must(story, "autohealing.recreate")
        healthy = self._must(story, "health.balancer", after=recreated["seq"], enters="HEALTHY")
        added = self._must(story, "balancer.added", after=recreated["seq"])
        success = healthy["data"]
        streak = (self.balancer.healthy - 1) * self.balancer.interval
        self.steps = [
            Step("balancer detection", noticed["data"]["ended_at"] - broken["at"], *self.balancer.detection),
            Step(
                "autohealing detection", condemned["data"]["ended_at"] - broken["at"], *self.healing.detection
            ),
            Step("drain", removed["at"] - noticed["data"]["ended_at"], 0, prompt),
            Step("recreation", recreated["at"] - condemned["data"]["ended_at"], 0, prompt),
            Step("return", success["ended_at"] - success["first_sent_at"], streak, streak),
            Step("traffic", added["at"] - success["ended_at"], 0, prompt),
        ]

    def _find(
        self, story: list[dict[str, Any]], kind: str, *, after: int = 0, leaves: str = "", enters: str = ""
    ) -> dict[str, Any] | None:
        for event in story:
            if (
                event["kind"] == kind
                and event["subject"] == self.victim
                and event["seq"] > max(after, self.since)
            ):
                data = event["data"]
                if (not leaves or data["from"] == leaves) and (not enters or data["to"] == enters):
                    return event
        return None

    def _must(self, story: list[dict[str, Any]], kind: str, **which: Any) -> dict[str, Any]:  # noqa: ANN401
        found = self._find(story, kind, **which)
        assert found is not None, f"{self.victim}: no {kind} ({which})"
        return found


def trials(cloud: LiveCloud, groups: list[str], count: int, rng: random.Random) -> Iterator[Trial]:
    """Have `count` instances die or hang, one per group at a time, and yield each trial with its steps timed."""
    done = 0
    while done < count:
        running = [_begin(cloud, name, rng) for name in groups[: count - done]]
        cloud.wait(lambda story, running=running: all(trial.over(story) for trial in running))  # type: ignore[misc]
        for trial in running:
            trial.judge(cloud.story(), PROMPT * cloud.speed)
            yield trial
        done += len(running)


def _pair(rng: random.Random) -> tuple[Settings, Settings]:
    """Draw a pair of which autohealing's is the more conservative one: else the group is first, and there is no verdict to be timed."""
    balancer = Settings.draw(rng, longest=12, most=3)
    while True:
        healing = Settings.draw(rng, longest=20, most=6)
        if healing.detection[0] > balancer.detection[1] + 5:
            return balancer, healing


def _begin(cloud: LiveCloud, group: str, rng: random.Random) -> Trial:
    balancer, healing = _pair(rng)
    for check, drawn in (("lb", balancer), ("heal", healing)):
        cloud.tune(
            f"{group}-{check}",
            interval=drawn.interval,
            timeout=drawn.timeout,
            unhealthy=drawn.unhealthy,
            healthy=drawn.healthy,
        )
    members = sorted(each["name"] for each in cloud.instances() if each["name"].startswith(f"{group}-"))
    victim = rng.choice(members)
    how = rng.choice(("kill", "hang"))
    trial = Trial(group, victim, how, balancer, healing, cloud.story()[-1]["seq"])
    # the probers have the new settings: an operation is done when they are asked for, and this is a moment later
    cloud.operate(victim, how, **({"seconds": 86_400.0} if how == "hang" else {}))
    return trial


def settled(cloud: LiveCloud, count: int) -> None:
    """Wait until this many instances are trusted by both of their checks."""

    def trusted(_: object) -> bool:
        found = [each for each in cloud.instances() if each["autohealing"] == each["balancer"] == "HEALTHY"]
        return len(found) == count

    cloud.wait(trusted)
