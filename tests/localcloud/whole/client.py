"""A client that does anything the API allows, to a cloud whose machines and zones fail: Hypothesis chooses what and when."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.localcloud.control.cloud import BALANCING, GROUP, HEALING
from tests.localcloud.control.scenario import Watch
from tests.localcloud.whole.cloud import GLOBAL, GROUPS, HERE, ZONES, WholeCloud, policy

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
)
# What a verb's members must be meant to be.
STATES = {
    "stopInstances": "RUNNING",
    "suspendInstances": "RUNNING",
    "startInstances": "STOPPED",
    "resumeInstances": "SUSPENDED",
}
# How long until whatever was asked for and whatever befell is over: repairs one after another, each after its initial delay.
REST = 10_800
STILL = 3_000


class Client(RuleBasedStateMachine):
    """Asks and breaks; `Watch` looks at every commit meanwhile, and at the end the group must come to rest and then be deleted."""

    @initialize(seed=NUMBERS)
    def begin(self, seed: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.cloud = WholeCloud(seed, Path(self.folder.name))
        self.watch = Watch(self.cloud.simulated)
        self.cloud.watch(self.watch)
        self.cloud.build()
        self.scaled = False
        self.opportunistic = False
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
        self._patch(
            versions=[
                {"name": "stable", "instanceTemplate": stable},
                {"name": "canary", "instanceTemplate": other, "targetSize": size},
            ]
        )

    @rule(chosen=st.sampled_from(POLICIES))
    def change_policy(self, chosen: dict[str, object]) -> None:
        self._patch(updatePolicy=chosen)
        self.opportunistic = chosen["type"] == "OPPORTUNISTIC"

    @rule(number=NUMBERS)
    def resize(self, number: int) -> None:
        self.cloud.post(f"{WEB}/resize?size={number % 8}", statuses=(412,) if self.scaled else (200,))

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

    @rule(number=NUMBERS, action=st.sampled_from(("REFRESH", "RESTART", "REPLACE")))
    def apply_updates(self, number: int, action: str) -> None:
        if instances := self._some(number):
            body = {"instances": instances, "minimalAction": action, "mostDisruptiveAllowedAction": "REPLACE"}
            self.watch.asked_for |= {instance.rpartition("/")[2] for instance in instances}
            self.cloud.post(f"{WEB}/applyUpdatesToInstances", body)
            self.cloud.advance(1)
            self.watch.asked_for.clear()

    @rule(number=NUMBERS)
    def create_instances(self, number: int) -> None:
        name = f"web-n{number:03}"
        statuses = (
            (200, 400) if name in self.cloud.simulated.instances() or name in self._members() else (200,)
        )
        self.cloud.post(f"{WEB}/createInstances", {"instances": [{"name": name}]}, statuses=statuses)

    @rule(number=NUMBERS)
    def scale(self, number: int) -> None:
        autoscaling = {
            "minNumReplicas": number % 4,
            "maxNumReplicas": 4 + number % 3,
            "coolDownPeriodSec": 30,
            "cpuUtilization": {"utilizationTarget": 0.6},
        }
        body = {"name": "web", "target": WEB, "autoscalingPolicy": autoscaling}
        if self.scaled:
            self.cloud.call("PATCH", f"{HERE}/autoscalers?autoscaler=web", body)
        else:
            self.cloud.post(f"{HERE}/autoscalers", body)
        self.scaled = True

    @precondition(lambda self: self.scaled)
    @rule()
    def scale_no_more(self) -> None:
        self.cloud.call("DELETE", AUTOSCALER)
        self.scaled = False

    @rule(number=NUMBERS, balancing=st.booleans())
    def change_check(self, number: int, balancing: bool) -> None:
        thresholds = {
            "unhealthyThreshold": 2 + number % 5,
            "checkIntervalSec": 5 + number % 30,
            "timeoutSec": 5,
        }
        self.cloud.call("PATCH", BALANCING if balancing else HEALING, thresholds)

    @rule(number=NUMBERS)
    def delay_healing(self, number: int) -> None:
        policies = [{"healthCheck": HEALING, "initialDelaySec": 30 + number % 300}]
        self._patch(autoHealingPolicies=policies)

    # What befalls it.

    @rule(verb=st.sampled_from(("delete", "stop", "reset")), number=NUMBERS)
    def from_outside(self, verb: str, number: int) -> None:
        for instance in self._some(number)[:1]:
            if self.cloud.simulated.store.get(f"compute/{instance}") is None:
                continue
            http, path = ("DELETE", instance) if verb == "delete" else ("POST", f"{instance}/{verb}")
            self.cloud.call(http, path)

    @rule(number=NUMBERS, how=st.sampled_from(("crash", "hang", "break", "power_off", "burn")))
    def fail(self, number: int, how: str) -> None:
        running = self.cloud.machines()
        if not running:
            return
        machine = running[number % len(running)]
        match how:
            case "crash":
                self.cloud.crash(machine)
            case "hang":
                self.cloud.hang(machine, 10 + number % 400)
            case "break":
                self.cloud.simulated.machines.break_service(machine, 10 + number % 400)
            case "power_off":
                self.cloud.simulated.machines.power_off(machine)
            case _:
                self.cloud.simulated.machines.burn(machine, (number % 100) / 50)

    @rule(zone=st.sampled_from(ZONES), number=NUMBERS)
    def lose_zone(self, zone: str, number: int) -> None:
        self.cloud.lose_zone(zone, 60 + number)

    @rule(number=NUMBERS)
    def refuse(self, number: int) -> None:
        """The next starts of machines, and the next plans, fail."""
        self.cloud.simulated.machines.start_failures = number % 3
        self.cloud.simulated.fabric.apply_failures = number % 2

    @rule()
    def restart(self) -> None:
        self.cloud.restart()

    @rule(seconds=st.integers(1, 600))
    def wait(self, seconds: int) -> None:
        self.cloud.advance(seconds)

    # What must hold.

    @invariant()
    def nothing_is_broken(self) -> None:
        if hasattr(self, "cloud"):
            self.cloud.advance(1)
            assert not self.watch.broken, f"{self.watch.broken}\n{self.cloud.story()}"

    def teardown(self) -> None:
        if not hasattr(self, "cloud"):
            return
        try:
            self._comes_to_rest()
            self._leaves_nothing()
            self.nothing_is_broken()
        finally:
            self.cloud.close()
            self.folder.cleanup()

    def _comes_to_rest(self) -> None:
        """Whatever happened: the group is as asked within a while, and then nothing moves any more."""
        cloud, sim = self.cloud, self.cloud.simulated
        sim.machines.start_failures = sim.fabric.apply_failures = 0
        for machine in cloud.machines():
            sim.machines.burn(machine, 0.0)
        cloud.advance(REST)
        group = cloud.call("GET", WEB)
        story = cloud.story()
        assert group["status"]["isStable"], f"the group never came to rest\n{story}"
        assert self.opportunistic or group["status"]["versionTarget"]["isReached"], story
        listed = cloud.listed()
        assert {entry["currentAction"] for entry in listed.values()} <= {"NONE"}
        pairs = [(entry["targetStatus"], entry["instanceStatus"]) for entry in listed.values()]
        wanted = {
            ("RUNNING", "RUNNING"): "targetSize",
            ("STOPPED", "TERMINATED"): "targetStoppedSize",
            ("SUSPENDED", "SUSPENDED"): "targetSuspendedSize",
        }
        sizes = {pair: group.get(size, 0) for pair, size in wanted.items() if group.get(size)}
        assert Counter(pairs) == sizes, story
        serving = {name for name, entry in listed.items() if entry["targetStatus"] == "RUNNING"}
        assert {self._members()[name].health for name in serving} <= {"HEALTHY"}, story
        assert sim.eligible() == serving, story
        writes: list[str] = []
        unwatch = sim.store.watch(
            lambda keys, events: writes.extend([*keys, *(event.kind for event in events)])
        )
        cloud.advance(STILL)
        unwatch()
        busy = (
            "control/managed/",
            "control/load-history/",
            AUTOSCALER,
            "autoscaler",
        )  # what is measured is written down
        assert not [key for key in writes if not key.removeprefix("compute/").startswith(busy)], (
            f"{writes}\n{story}"
        )

    def _leaves_nothing(self) -> None:
        """Everything is deleted as a client does, dependants first; then there is nothing left, of the controllers' own either."""
        cloud, sim = self.cloud, self.cloud.simulated
        cloud.call("DELETE", f"{HERE}/forwardingRules/web")
        cloud.call("DELETE", f"{HERE}/backendServices/web")
        operation = cloud.call("DELETE", WEB)
        for instance in dict.fromkeys(self.abandoned):
            cloud.call("DELETE", instance, statuses=(200, 404))
        cloud.advance(300)
        assert cloud.call("GET", operation["selfLink"].partition("/compute/v1/")[2])["status"] == "DONE"
        for check in (HEALING, BALANCING):
            cloud.call("DELETE", check)
        for number in range(4):
            cloud.call("DELETE", f"{GLOBAL}/instanceTemplates/t{number}", statuses=(200, 404))
        for last in (
            f"{GLOBAL}/firewalls/web-hc",
            f"{HERE}/subnetworks/web-sub",
            f"{GLOBAL}/networks/web-net",
        ):
            cloud.call("DELETE", last)
        cloud.advance(1)
        left = [key for key, _ in sim.store.scan("compute/") if "/operations/" not in key]
        assert left == [], f"{left}\n{cloud.story()}"
        left = [key for key, _ in sim.store.scan("control/") if not key.startswith("control/faults/")]
        assert left == [], f"{left}\n{cloud.story()}"
        assert not sim.machines.guests
        assert not sim.fabric.probes
        assert not sim.fabric.network.interfaces
        assert not sim.fabric.balancer.services

    def _members(self) -> dict[str, Member]:
        return self.cloud.simulated.members(GROUP)

    def _some(self, number: int) -> list[str]:
        """Return one or two of the group's instances, as relative names."""
        names = sorted(member.instance.removeprefix("compute/") for member in self._members().values())
        return [names[(number + n) % len(names)] for n in range(min(1 + number % 2, len(names)))]

    def _patch(self, **fields: object) -> None:
        self.cloud.call("PATCH", WEB, fields)
