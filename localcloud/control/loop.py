"""The loop that runs all controllers: woken by the store's commits and by deadlines, level-triggered, one key at a time.

A key that fails is told and tried again with back-off; it never stops the others. What was decided is in the store before it is begun, so
a loop that starts finds everything again: it simply looks at every key once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from localcloud.control import balancing, faults, handover, network, probing
from localcloud.control.autoscalers import AutoscalerController
from localcloud.control.eligibility import Verdicts as Behind
from localcloud.control.eligibility import note_eligibility, verdicts_behind
from localcloud.control.groups import GroupController
from localcloud.control.links import last
from localcloud.control.machines import MachineKeeper
from localcloud.control.outages import FaultKeeper
from localcloud.control.utilisation import Utilisation
from localcloud.control.verbs import Verbs
from localcloud.control.verdicts import Verdicts
from localcloud.control.work import WorkQueue
from localcloud.plans.machine import TellingMachines
from localcloud.store import Event, Store

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Coroutine

    from localcloud.clock import Clock
    from localcloud.plans.balancer import BalancerPlan
    from localcloud.plans.machine import Machines
    from localcloud.plans.network import NetworkPlan
    from localcloud.plans.probe import ProbeSpec
    from localcloud.plans.world import Fabric

# Kinds of keys, in the order in which those due at the same time are looked at.
_REQUEST, _AUTOSCALER, _GROUP, _NETWORK, _MACHINE, _PROBES, _BALANCER, _SWEEP, _SAMPLE, _RESYNC, _FAULTS = (
    range(11)
)
_NAMES = (
    "request",
    "autoscaler",
    "group",
    "network",
    "machine",
    "probes",
    "balancer",
    "sweep",
    "sample",
    "resync",
    "faults",
)

# How often machines are looked at (unless they tell of their changes) and their CPU time read, in cloud seconds; never more often
# than twice in a real second.
_SWEEP_EVERY, _SAMPLE_EVERY = 2.0, 10.0
_REAL_FLOOR = 0.5
# Where machines tell of their changes, looking is only a safety net; where nobody scales by CPU time, it is only shown.
_SWEEP_SELDOM, _SAMPLE_SELDOM = 600.0, 60.0
# How often everything is looked at that changed without anybody having told of it, in cloud seconds.
_RESYNC_EVERY = 600.0
# A plan of more parts than this is made anew at most once in so many real seconds per part: changes are looked at
# together, so the cost of a change does not grow with the size of what it is part of.
_SMALL, _HOLD_PER_PART = 50, 0.001


class Controllers:
    """All controllers of one cloud."""

    def __init__(
        self, store: Store, clock: Clock, machines: Machines, fabric: Fabric, rng: random.Random
    ) -> None:
        self._store, self._clock, self._fabric = store, clock, fabric
        self._queue = WorkQueue()
        self._woken = asyncio.Event()
        self._telling = isinstance(machines, TellingMachines)
        self._groups = GroupController(store, clock, rng)
        self._keeper = MachineKeeper(store, clock, machines, self._wake_machine)
        if isinstance(machines, TellingMachines):
            machines.watch(self._keeper.machine_changed)
        self._faults = FaultKeeper(store, clock, machines, self._keeper.host_returned)
        self._verdicts = Verdicts(store, clock)
        self._utilisation = Utilisation(store, clock, machines)
        self._autoscalers = AutoscalerController(store, clock, self._utilisation)
        self._verbs = Verbs(store, clock)
        self._network: NetworkPlan | None = None
        self._balancer: BalancerPlan | None = None
        self._probes: frozenset[ProbeSpec] | None = None
        self._applying: dict[int, asyncio.Task[None]] = {}
        self._dirty: set[int] = set()
        self._members: dict[str, str] = {}  # instance key -> its group
        self._handlers: tuple[Callable[[str], float | None], ...] = (
            self._verbs.carry_out,
            self._autoscalers.reconcile,
            self._look_at_group,
            self._look_at_network,
            self._keeper.reconcile,
            self._look_at_probes,
            self._look_at_balancer,
            self._sweep,
            self._sample,
            self._resync,
            self._faults.look,
        )

    async def run(self) -> None:
        """Run until cancelled."""
        unwatch = self._store.watch(self._changed)
        try:
            self._keeper.sweep()  # before anything is done to machines: which of them are there?
            self._look_at_everything()
            while True:
                self._woken.clear()
                for key in self._queue.take(self._clock.now()):
                    self._look(key)
                await self._wait()
        finally:
            unwatch()
            for task in self._applying.values():
                task.cancel()
            await asyncio.gather(*self._applying.values(), return_exceptions=True)
            await self._faults.settle()
            await self._keeper.settle()

    async def _wait(self) -> None:
        """Wait for a change or the next deadline, whichever is first."""
        if not self._queue.idle:
            await asyncio.sleep(0)
            return
        due = self._queue.next_time()
        waiting = asyncio.ensure_future(self._woken.wait())
        timers = (
            []
            if due is None
            else [asyncio.ensure_future(self._clock.sleep(max(0.0, due - self._clock.now())))]
        )
        try:
            await asyncio.wait([waiting, *timers], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (waiting, *timers):
                task.cancel()

    def _look_at_everything(self) -> None:
        for name in self._groups.known():
            self._queue.add((_GROUP, name))
        for key, _ in self._store.scan(""):
            self._route(key)
        for kind in (_NETWORK, _PROBES, _BALANCER, _SWEEP, _SAMPLE, _FAULTS):
            self._queue.add((kind, ""))
        self._queue.add_at((_RESYNC, ""), self._clock.now() + _RESYNC_EVERY)

    def _changed(self, keys: frozenset[str], _events: tuple[Event, ...]) -> None:
        for key in keys:
            self._route(key)
        if not self._queue.idle:
            self._woken.set()

    def _wake_machine(self, key: str) -> None:
        self._queue.add((_MACHINE, key))
        self._woken.set()

    def _route(self, key: str) -> None:
        """Add what has to be looked at when this key changed."""
        if key.startswith("control/"):
            self._route_record(key)
        elif key.startswith("compute/"):
            self._route_resource(key, key.split("/")[-2])

    def _route_record(self, key: str) -> None:
        _, area, rest = key.split("/", 2)
        match area:
            case "managed":
                record = self._store.get(key)
                if record is not None:
                    self._members[record["instance"]] = rest.rpartition("/")[0]
                if not self._utilisation.wrote(key):
                    self._queue.add((_GROUP, rest.rpartition("/")[0]))
                    self._add(_PROBES, _BALANCER)
            case "deleting":
                self._queue.add((_GROUP, rest))
            case "requests":
                self._queue.add((_REQUEST, key))
            case "machines":
                if record := self._store.get(key):
                    self._queue.add((_MACHINE, record["instance"]))
                self._add(_PROBES, _BALANCER)
            case "backends":
                self._add(_BALANCER)
            case "faults":
                self._add(_NETWORK, _FAULTS)
            case _:
                pass

    def _route_resource(self, key: str, collection: str) -> None:
        match collection:
            case "instanceGroupManagers":
                self._queue.add((_GROUP, key.removeprefix("compute/")))
                self._add(_PROBES)
                for autoscaler in self._autoscalers.of_group(key.removeprefix("compute/")):
                    self._queue.add((_AUTOSCALER, autoscaler))
            case "instances":
                self._queue.add((_MACHINE, key))
                self._add(_NETWORK, _PROBES, _BALANCER, _FAULTS)
                if group := self._members.get(key):
                    self._queue.add((_GROUP, group))
                    if self._store.get(key) is None:
                        self._members.pop(key)
            case "autoscalers":
                self._queue.add((_AUTOSCALER, key.removeprefix("compute/")))
            case "networks" | "subnetworks" | "firewalls":
                self._add(_NETWORK)
            case "healthChecks":
                self._add(_PROBES)
            case "backendServices" | "forwardingRules":
                self._add(_PROBES, _BALANCER)
            case _:
                pass

    def _add(self, *kinds: int) -> None:
        for kind in kinds:
            self._queue.add((kind, ""))

    def _look(self, key: tuple[int, str]) -> None:
        kind, name = key
        try:
            again = self._handlers[kind](name)
        except Exception as error:  # noqa: BLE001 - one failing resource must not stop the others
            self._fail(key, error)
            return
        if kind not in self._applying:  # else it has succeeded only when it is in force
            self._queue.succeeded(key)
        if again is not None:
            self._queue.add_at(key, again)

    def _look_at_group(self, name: str) -> float | None:
        again = self._groups.reconcile(name)
        self._hold((_GROUP, name), self._groups.weight)
        return again

    def _hold(self, key: tuple[int, str], parts: int) -> None:
        if parts > _SMALL:
            self._queue.hold(key, self._clock.now() + (parts - _SMALL) * _HOLD_PER_PART * self._clock.speed)

    def _look_at_network(self, _: str) -> None:
        wanted = network.plan(self._store)
        self._hold((_NETWORK, ""), len(wanted.interfaces))
        known = frozenset(last(key) for key, _ in self._store.scan(faults.PREFIX))
        if wanted != self._network:
            self._apply(
                _NETWORK,
                lambda: self._fabric.apply_network(wanted),
                lambda: self._network_applied(wanted, known),
            )
        else:
            self._faults.in_force(known)

    def _network_applied(self, applied: NetworkPlan, known: frozenset[str]) -> None:
        self._network = applied
        self._faults.in_force(known)
        self._keeper.network_applied(frozenset(applied.interfaces))

    def _look_at_probes(self, _: str) -> None:
        targets = probing.targets(self._store)
        self._verdicts.watch(targets)
        self._hold((_PROBES, ""), len(targets))
        wanted = frozenset(target.spec for target in targets.values())
        if wanted != self._probes:
            self._apply(
                _PROBES,
                lambda: self._fabric.apply_probes(wanted, self._verdicts.report),
                lambda: self._probes_applied(wanted),
            )

    def _probes_applied(self, applied: frozenset[ProbeSpec]) -> None:
        self._probes = applied

    def _look_at_balancer(self, _: str) -> float | None:
        drained = handover.note(self._store, self._clock.now())
        wanted = balancing.plan(self._store)
        verdicts = verdicts_behind(self._store, wanted)
        self._hold((_BALANCER, ""), sum(len(service.backends) for service in wanted.services))
        self._keeper.forwarded(balancing.forwarded(wanted))
        if wanted != self._balancer:
            self._apply(
                _BALANCER,
                lambda: self._fabric.apply_balancer(wanted),
                lambda: self._balancer_applied(wanted, verdicts),
            )
        return drained

    def _balancer_applied(self, applied: BalancerPlan, verdicts: Behind) -> None:
        self._balancer = applied
        note_eligibility(self._store, self._clock, applied, verdicts)

    def _apply(
        self, kind: int, work: Callable[[], Coroutine[Any, Any, None]], done: Callable[[], None]
    ) -> None:
        """Carry a plan out beside the loop, one at a time per kind; what changes meanwhile is looked at afterwards."""
        if kind in self._applying:
            self._dirty.add(kind)
            return
        self._applying[kind] = asyncio.ensure_future(self._carry_out(kind, work, done))

    async def _carry_out(
        self, kind: int, work: Callable[[], Coroutine[Any, Any, None]], done: Callable[[], None]
    ) -> None:
        try:
            await work()
            done()
            self._queue.succeeded((kind, ""))
        except Exception as error:  # noqa: BLE001 - the data plane's trouble is told and tried again
            self._fail((kind, ""), error)
        finally:
            del self._applying[kind]
            if kind in self._dirty:
                self._dirty.discard(kind)
                self._queue.add((kind, ""))
                self._woken.set()

    def _sweep(self, _: str) -> float:
        self._keeper.sweep()
        every = _SWEEP_SELDOM if self._telling else _SWEEP_EVERY
        return self._clock.now() + max(every, _REAL_FLOOR * self._clock.speed)

    def _sample(self, _: str) -> float:
        self._utilisation.sample()
        known = self._autoscalers.known()
        for name in known:
            self._queue.add((_AUTOSCALER, name))
        every = _SAMPLE_EVERY if known else _SAMPLE_SELDOM
        return self._clock.now() + max(every, _REAL_FLOOR * self._clock.speed)

    def _resync(self, _: str) -> None:
        """Look at everything once, whatever was told: a change that nobody learnt of is acted on late, not never."""
        self._look_at_everything()

    def _fail(self, key: tuple[int, str], error: Exception) -> None:
        now = self._clock.now()
        wait = self._queue.failed(key, now)
        kind, name = key
        message = f"{_NAMES[kind]}: {type(error).__name__}: {error}; tried again in {wait:g} s"
        data: dict[str, Any] = {"key": name, "kind": _NAMES[kind], "retry_in": wait}
        with self._store.transaction() as change:
            change.event(Event(now, "controller.error", name.rpartition("/")[2], message, data))
        self._woken.set()
