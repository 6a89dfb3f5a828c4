"""What a client may ask of a group, its autoscaler and its checks: Hypothesis chooses what and when."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.localcloud.control.documents import GROUP
from tests.localcloud.control.watch import Watch
from tests.localcloud.whole.cloud import GROUPS, HERE, WholeCloud, policy

if TYPE_CHECKING:
    from localcloud.control.member import Member

WEB = f"{GROUPS}/web"
AUTOSCALER = f"{HERE}/autoscalers/web"
NUMBERS = st.integers(0, 999)
POLICIES = (
    policy(3, 0),
    policy(0, 3),
    policy(3, 3),
    policy(0, 3, replacementMethod="RECREATE"),
    policy(0, 3, minimalAction="RESTART"),  # what is restarted in place makes no use of a surge
    policy(3, 0, type="OPPORTUNISTIC"),
    policy(0, 3, minimalAction="NONE", mostDisruptiveAllowedAction="REFRESH"),
)
PERCENTAGES = (0, 15, 25, 34)  # of a dozen: 0, 2, 3, 4
LEVELS = ("NONE", "REFRESH", "RESTART", "REPLACE")
# What a verb's members must be meant to be.
STATES = {
    "stopInstances": "RUNNING",
    "suspendInstances": "RUNNING",
    "startInstances": "STOPPED",
    "resumeInstances": "SUSPENDED",
}


class Asking(RuleBasedStateMachine):
    """A cloud with one group behind a balancer, and the requests that change its size, its version and its members."""

    @initialize(seed=NUMBERS)
    def begin(self, seed: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.cloud = WholeCloud(seed, Path(self.folder.name))
        self.watch = Watch(self.cloud.simulated)
        self.cloud.watch(self.watch)
        self.cloud.build("web-#" if seed % 2 else "web")  # names that come again, or never
        self.want_them_ready_for(seed % 3 * 60)
        self.mode = ""  # the autoscaler's; empty while there is none
        self.held_back = False  # by the policy: nothing is updated by itself, or not everything
        self.abandoned: list[str] = []

    # What is asked of the group.

    @rule(number=NUMBERS)
    def roll(self, number: int) -> None:
        template = self.cloud.template(f"t{number % 4}")
        if number % 2:
            self.cloud.post(f"{WEB}/setInstanceTemplate", {"instanceTemplate": template})
        else:
            self._patch(versions=[{"instanceTemplate": template}])

    @rule(number=NUMBERS)
    def canary(self, number: int) -> None:
        stable, other = (self.cloud.template(f"t{(number + n) % 4}") for n in (0, 1))
        size = {"fixed": number % 3} if number % 2 else {"percent": 10 + number % 80}
        versions = [
            {"name": "stable", "instanceTemplate": stable},
            {"name": "canary", "instanceTemplate": other, "targetSize": size},
        ]
        # Refused where the group's shape is not EVEN.
        self.cloud.call("PATCH", WEB, {"versions": versions}, statuses=(200, 400))

    @rule(chosen=st.sampled_from(POLICIES))
    def change_policy(self, chosen: dict[str, Any]) -> None:
        # What an earlier policy said besides goes with it.
        limits = {name: {**chosen[name], "percent": None} for name in ("maxSurge", "maxUnavailable")}
        self._patch(updatePolicy={"mostDisruptiveAllowedAction": "REPLACE", **chosen, **limits})
        self.held_back = (
            chosen["type"] == "OPPORTUNISTIC"
            or chosen.get("mostDisruptiveAllowedAction", "REPLACE") != "REPLACE"
        )

    @rule(surge=st.sampled_from(PERCENTAGES), unavailable=st.sampled_from(PERCENTAGES[1:]))
    def limit_by_percentages(self, surge: int, unavailable: int) -> None:
        given = {"maxSurge": surge, "maxUnavailable": unavailable}
        limits = {name: {"percent": percent, "fixed": None} for name, percent in given.items()}
        update = {"replacementMethod": "SUBSTITUTE", **limits}
        self.cloud.call("PATCH", WEB, {"updatePolicy": update}, statuses=(200, 400))

    @rule(seconds=st.integers(0, 200))
    def want_them_ready_for(self, seconds: int) -> None:
        self.cloud.beta("PATCH", WEB, {"updatePolicy": {"minReadySec": seconds}})

    @rule(number=NUMBERS)
    def resize(self, number: int) -> None:
        statuses = (200,) if self.mode in {"", "OFF"} else (412,)
        self.cloud.post(f"{WEB}/resize?size={number % 8 if number % 5 else 12}", statuses=statuses)

    @rule(verb=st.sampled_from(("recreateInstances", "deleteInstances", "abandonInstances")), number=NUMBERS)
    def act_on_instances(self, verb: str, number: int) -> None:
        if instances := self._some(number):
            self.cloud.post(f"{WEB}/{verb}", {"instances": instances})
            if verb == "abandonInstances":
                self.abandoned += instances

    @rule(verb=st.sampled_from(tuple(STATES)), number=NUMBERS)
    def put_to_rest_or_wake(self, verb: str, number: int) -> None:
        if instances := self._some(number):
            listed = self.cloud.listed()
            states = {listed[instance.rpartition("/")[2]]["targetStatus"] for instance in instances}
            statuses = (200,) if states == {STATES[verb]} else (400,)
            self.cloud.post(f"{WEB}/{verb}", {"instances": instances}, statuses=statuses)

    @rule(number=NUMBERS, mode=st.sampled_from(("MANUAL", "SCALE_OUT_POOL")))
    def change_pool(self, number: int, mode: str) -> None:
        policy = {"mode": mode, "initialDelaySec": number % 90}
        self._patch(targetSuspendedSize=number % 3, targetStoppedSize=number // 3 % 2, standbyPolicy=policy)

    @rule(number=NUMBERS, levels=st.tuples(st.sampled_from(LEVELS), st.sampled_from(LEVELS[1:])))
    def apply_updates(self, number: int, levels: tuple[str, str]) -> None:
        if instances := self._some(number):
            least, most = sorted(levels, key=LEVELS.index)
            body = {"instances": instances, "minimalAction": least, "mostDisruptiveAllowedAction": most}
            # Refused where that takes more than is allowed.
            self.cloud.post(f"{WEB}/applyUpdatesToInstances", body, statuses=(200, 400))

    @rule(number=NUMBERS)
    def create_instances(self, number: int) -> None:
        name = f"web-n{number:03}"
        statuses = (
            (200, 400) if name in self.cloud.simulated.instances() or name in self._members() else (200,)
        )
        self.cloud.post(f"{WEB}/createInstances", {"instances": [{"name": name}]}, statuses=statuses)

    @rule(number=NUMBERS, mode=st.sampled_from(("ON", "ON", "ONLY_SCALE_OUT", "OFF")), held=st.booleans())
    def scale(self, number: int, mode: str, held: bool) -> None:
        kept = {"timeWindowSec": 600, "maxScaledInReplicas": {"fixed": number % 3}} if held else None
        autoscaling = {
            "minNumReplicas": number % 4,
            "maxNumReplicas": 4 + number % 3,
            "coolDownPeriodSec": 30,
            "cpuUtilization": {"utilizationTarget": 0.6},
            "mode": mode,
            "scaleInControl": kept,
        }
        body = {"name": "web", "target": WEB, "autoscalingPolicy": autoscaling}
        if self.mode:
            self.cloud.call("PATCH", f"{HERE}/autoscalers?autoscaler=web", body)
        else:
            self.cloud.post(f"{HERE}/autoscalers", body)
        self.mode = mode

    @precondition(lambda self: self.mode)
    @rule(number=NUMBERS)
    def schedule(self, number: int) -> None:
        often = {
            "schedule": f"{number % 60} * * * *",
            "durationSec": 300 + number,
            "minRequiredReplicas": number % 9,
        }
        schedules = {"often": often if number % 3 else None}
        policy_ = {"autoscalingPolicy": {"scalingSchedules": schedules}}
        self.cloud.call("PATCH", f"{HERE}/autoscalers?autoscaler=web", policy_)

    @precondition(lambda self: self.mode)
    @rule()
    def scale_no_more(self) -> None:
        self.cloud.call("DELETE", AUTOSCALER)
        self.mode = ""

    def _members(self) -> dict[str, Member]:
        return self.cloud.simulated.members(GROUP)

    def _some(self, number: int) -> list[str]:
        """Return one or two of the group's instances, as relative names."""
        names = sorted(member.instance.removeprefix("compute/") for member in self._members().values())
        return [names[(number + n) % len(names)] for n in range(min(1 + number % 2, len(names)))]

    def _patch(self, **fields: object) -> None:
        self.cloud.call("PATCH", WEB, fields)
