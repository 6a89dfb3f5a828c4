"""The loop that runs all controllers: woken by the store's commits and by deadlines, level-triggered, one key at a time.

A key that fails is told and tried again with back-off; it never stops the others. What was decided is in the store before it is begun, so
a loop that starts finds everything again: it simply looks at every key once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from localcloud.control.alarm import Alarm
from localcloud.control.autoscalers import AutoscalerController
from localcloud.control.disk_keeper import DiskKeeper
from localcloud.control.groups import GroupController
from localcloud.control.inventory import Inventory
from localcloud.control.kinds import Kind
from localcloud.control.machines import MachineKeeper
from localcloud.control.outages import FaultKeeper
from localcloud.control.planning import Planning
from localcloud.control.routing import Router
from localcloud.control.utilisation import Utilisation
from localcloud.control.verbs import Verbs
from localcloud.control.work import WorkQueue
from localcloud.plans.machine import TellingMachines
from localcloud.store import Event, Store

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from localcloud.clock import Clock
    from localcloud.plans.machine import Machines
    from localcloud.plans.world import Fabric

# How often machines are looked at (unless they tell of their changes) and their CPU time read, in cloud seconds; never more often
# than twice in a real second.
_SWEEP_EVERY, _SAMPLE_EVERY = 2.0, 10.0
_REAL_FLOOR = 0.5
# Where machines tell of their changes, looking is only a safety net; where nobody scales by CPU time, it is only shown.
_SWEEP_SELDOM, _SAMPLE_SELDOM = 600.0, 60.0
# How soon a change is noticed that nobody told of, if nothing else wakes the loop, in cloud seconds.
_RESYNC_EVERY = 60.0
# A group is looked at at most once in so many real seconds per instance looked at, beyond the first few.
_SMALL, _HOLD_PER_PART = 50, 0.001


class Controllers:
    """All controllers of one cloud."""

    def __init__(
        self, store: Store, clock: Clock, machines: Machines, fabric: Fabric, rng: random.Random
    ) -> None:
        self._store, self._clock = store, clock
        self._queue = WorkQueue()
        self._woken = asyncio.Event()
        self._alarm = Alarm(clock, self._woken)
        self._seen = 0  # how many of the store's commits were told
        self._telling = isinstance(machines, TellingMachines)
        self._groups = GroupController(store, clock, rng)
        self._keeper = MachineKeeper(store, clock, machines, self._wake_machine)
        if isinstance(machines, TellingMachines):
            machines.watch(self._keeper.machine_changed)
        self._faults = FaultKeeper(store, clock, machines, self._keeper.host_returned)
        self._utilisation = Utilisation(store, clock, machines)
        self._disks = DiskKeeper(store, clock, machines)
        self._autoscalers = AutoscalerController(store, clock, self._utilisation)
        verbs, inventory = Verbs(store, clock), Inventory(store)
        self._planning = Planning(
            store,
            clock,
            fabric,
            queue=self._queue,
            inventory=inventory,
            keeper=self._keeper,
            troubles=self._faults,
            failed=self._fail,
            woken=self._woken,
        )
        self._router = Router(
            store,
            self._queue,
            inventory=inventory,
            planning=self._planning,
            groups=self._groups,
            autoscalers=self._autoscalers,
            utilisation=self._utilisation,
            disks=self._disks,
        )
        self._handlers: Mapping[Kind, Callable[[str], float | None]] = {
            Kind.REQUEST: verbs.carry_out,
            Kind.AUTOSCALER: self._autoscalers.reconcile,
            Kind.GROUP: self._look_at_group,
            Kind.NETWORK: self._planning.look_at_network,
            Kind.MACHINE: self._keeper.reconcile,
            Kind.PROBES: self._planning.look_at_probes,
            Kind.BALANCER: self._planning.look_at_balancer,
            Kind.SWEEP: self._sweep,
            Kind.SAMPLE: self._sample,
            Kind.RESYNC: self._resync,
            Kind.FAULTS: self._faults.look,
            Kind.DISKS: self._disks.look,
        }

    async def run(self) -> None:
        """Run until cancelled."""
        unwatch = self._store.watch(self._changed)
        try:
            self._keeper.sweep()  # before anything is done to machines: which of them are there?
            self._look_at_everything()
            self._queue.add((Kind.RESYNC, ""))
            while True:
                self._woken.clear()
                for key in self._queue.take(self._clock.now()):
                    self._look(key)
                await self._wait()
        finally:
            unwatch()
            self._alarm.stop()
            await self._planning.stop()
            await self._faults.settle()
            await self._disks.settle()
            await self._keeper.settle()

    async def _wait(self) -> None:
        """Wait for a change or the next deadline, whichever is first."""
        if not self._queue.idle:
            await asyncio.sleep(0)
            return
        self._alarm.set(self._queue.next_time())
        await self._woken.wait()

    def _look_at_everything(self) -> None:
        self._seen = self._store.revision
        self._router.everything()

    def _changed(self, keys: frozenset[str], _events: tuple[Event, ...]) -> None:
        self._seen += 1
        for key in sorted(keys):
            self._router.route(key)
        if not self._queue.idle:
            self._woken.set()

    def _resync(self, _: str) -> float:
        """Look at everything if a change was not told, or told late: it is acted on late, not never."""
        if self._seen != self._store.revision:
            self._look_at_everything()
        return self._clock.now() + _RESYNC_EVERY

    def _wake_machine(self, key: str) -> None:
        self._queue.add((Kind.MACHINE, key))
        self._woken.set()

    def _look(self, key: tuple[int, str]) -> None:
        kind, name = Kind(key[0]), key[1]
        try:
            if self._seen != self._store.revision:  # nothing is decided on what is known to be old
                self._look_at_everything()
            again = self._handlers[kind](name)
        except Exception as error:  # noqa: BLE001 - one failing resource must not stop the others
            self._fail((kind, name), error)
            return
        if not self._planning.applying(kind):  # else it has succeeded only when it is in force
            self._queue.succeeded(key)
        if again is not None:
            self._queue.add_at(key, again)

    def _look_at_group(self, name: str) -> float | None:
        again = self._groups.reconcile(name)
        if self._groups.weight > _SMALL:
            wait = (self._groups.weight - _SMALL) * _HOLD_PER_PART * self._clock.speed
            self._queue.hold((Kind.GROUP, name), self._clock.now() + wait)
        return again

    def _sweep(self, _: str) -> float:
        self._keeper.sweep()
        every = _SWEEP_SELDOM if self._telling else _SWEEP_EVERY
        return self._clock.now() + max(every, _REAL_FLOOR * self._clock.speed)

    def _sample(self, _: str) -> float:
        self._utilisation.sample()
        known = self._autoscalers.known()
        for name in known:
            self._queue.add((Kind.AUTOSCALER, name))
        every = _SAMPLE_EVERY if known else _SAMPLE_SELDOM
        return self._clock.now() + max(every, _REAL_FLOOR * self._clock.speed)

    def _fail(self, key: tuple[Kind, str], error: Exception) -> None:
        now = self._clock.now()
        wait = self._queue.failed(key, now)
        kind, name = key
        message = f"{kind.name.lower()}: {type(error).__name__}: {error}; tried again in {wait:g} s"
        data: dict[str, Any] = {"key": name, "kind": kind.name.lower(), "retry_in": wait}
        with self._store.transaction() as change:
            change.event(Event(now, "controller.error", name.rpartition("/")[2], message, data))
        self._woken.set()
