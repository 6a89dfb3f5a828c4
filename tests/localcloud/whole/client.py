"""A client that does anything the API allows, to a cloud whose machines, zones and controllers fail."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from tests.localcloud.control.documents import BALANCING, HEALING
from tests.localcloud.whole.asking import AUTOSCALER, NUMBERS, WEB
from tests.localcloud.whole.cloud import GLOBAL, HERE, ZONES
from tests.localcloud.whole.configuring import Configuring

# How long until whatever was asked for and whatever befell is over: repairs one after another, each after its initial delay.
REST = 10_800
STILL = 3_000


class Client(Configuring):
    """Asks and breaks; `Watch` looks at every commit meanwhile, and at the end the group must come to rest and then be deleted."""

    @rule(verb=st.sampled_from(("delete", "stop", "suspend", "reset")), number=NUMBERS)
    def from_outside(self, verb: str, number: int) -> None:
        for instance in self._some(number)[:1]:
            if self.cloud.simulated.store.get(f"compute/{instance}") is None:
                continue
            http, path = ("DELETE", instance) if verb == "delete" else ("POST", f"{instance}/{verb}")
            self.cloud.call(http, path, statuses=(200, 400) if verb in {"suspend", "reset"} else (200,))

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
                self.cloud.power_off(machine)
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

    @rule(rate=st.sampled_from((0.0, 0.03, 0.2, 1.0)))
    def meet_faults(self, rate: float) -> None:
        """From now on so many of the controllers' writes kill them, or are told late or never."""
        self.cloud.faults.rate = rate

    @rule(seconds=st.integers(1, 600))
    def wait(self, seconds: int) -> None:
        self.cloud.advance(seconds)

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
        cloud.faults.rate = 0.0
        cloud.advance(60)  # controllers that died are back
        for machine in cloud.machines():
            sim.machines.burn(machine, 0.0)
        self.come_round()
        cloud.advance(REST)
        group = cloud.call("GET", WEB)
        story = cloud.story()
        assert group["status"]["isStable"], f"the group never came to rest\n{story}"
        assert self.held_back or group["status"]["versionTarget"]["isReached"], story
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
        for instance in dict.fromkeys(self.abandoned):  # what they kept is nobody's but the client's own now
            place, _, name = instance.rpartition("/instances/")
            for kept in (f"{HERE}/addresses/{name}-nic0", f"{place}/disks/{name}"):
                cloud.call("DELETE", kept, statuses=(200, 404))
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
