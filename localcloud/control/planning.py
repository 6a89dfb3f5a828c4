"""What the data plane is to carry out: the three plans as they should be, and what follows when they are in force."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from localcloud.control import faults
from localcloud.control.balancer_planner import BalancerPlanner
from localcloud.control.eligibility import note_eligibility
from localcloud.control.kinds import Kind
from localcloud.control.links import last
from localcloud.control.network_planner import NetworkPlanner
from localcloud.control.probe_planner import ProbePlanner
from localcloud.control.verdicts import Verdicts

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from localcloud.clock import Clock
    from localcloud.control.balancer_planner import Planned
    from localcloud.control.inventory import Inventory
    from localcloud.control.machines import MachineKeeper
    from localcloud.control.outages import FaultKeeper
    from localcloud.control.work import WorkQueue
    from localcloud.plans.balancer import BalancerPlan
    from localcloud.plans.network import NetworkInterface, NetworkPlan
    from localcloud.plans.probe import ProbeSpec
    from localcloud.plans.world import Fabric
    from localcloud.store import Store

# A plan of more parts than this is made anew at most once in so many real seconds per part: changes are carried out
# together, so the data plane's cost of a change does not grow with the size of what it is part of.
_SMALL, _HOLD_PER_PART = 50, 0.001


class Planning:
    """Makes the plans when asked, and has them carried out beside the loop, one at a time per kind."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        fabric: Fabric,
        *,
        queue: WorkQueue,
        inventory: Inventory,
        keeper: MachineKeeper,
        troubles: FaultKeeper,
        failed: Callable[[tuple[Kind, str], Exception], None],
        woken: asyncio.Event,
    ) -> None:
        """`failed(key, error)` tells of trouble in the data plane and has it tried again."""
        self._store, self._clock, self._fabric, self._queue = store, clock, fabric, queue
        self._keeper, self._faults, self._failed, self._woken = keeper, troubles, failed, woken
        self._verdicts = Verdicts(store, clock)
        self._networks = NetworkPlanner(store)
        self._prober = ProbePlanner(store, inventory)
        self._balancing = BalancerPlanner(store, clock, inventory)
        self._network: NetworkPlan | None = None
        self._balancer: BalancerPlan | None = None
        self._probes: frozenset[ProbeSpec] | None = None
        self._applying: dict[Kind, asyncio.Task[None]] = {}
        self._dirty: set[Kind] = set()

    def touch(self, instance: str) -> None:
        """Note that an instance (by key) changed, or anything that is known of it."""
        self._networks.touch(instance)
        self._prober.touch(instance)
        self._balancing.touch(instance)

    def touch_group(self, name: str) -> None:
        """Note that a group's document changed."""
        self._prober.touch_group(name)

    def touch_network(self) -> None:
        """Note that networks, subnetworks, firewall rules or faults changed."""
        self._networks.touch_all()

    def touch_probes(self) -> None:
        """Note that health checks changed."""
        self._prober.touch_all()

    def touch_services(self) -> None:
        """Note that backend services or forwarding rules changed."""
        self._prober.touch_all()
        self._balancing.touch_all()

    def touch_all(self) -> None:
        """Note that anything may have changed."""
        self.touch_network()
        self.touch_services()

    def applying(self, kind: Kind) -> bool:
        """Say whether a plan of this kind is being carried out."""
        return kind in self._applying

    async def stop(self) -> None:
        """Give up what is being carried out."""
        for task in self._applying.values():
            task.cancel()
        await asyncio.gather(*self._applying.values(), return_exceptions=True)

    def look_at_network(self, _: str) -> None:
        """Have the network as it should be."""
        wanted = self._networks.plan()
        interfaces = self._networks.interfaces()
        known = frozenset(map(last, self._store.keys(faults.PREFIX)))
        if wanted == self._network:
            self._faults.in_force(known)
            return
        self._hold(Kind.NETWORK, len(wanted.interfaces))
        self._apply(
            Kind.NETWORK,
            lambda: self._fabric.apply_network(wanted),
            lambda: self._network_applied(wanted, interfaces, known),
        )

    def _network_applied(
        self, applied: NetworkPlan, interfaces: Mapping[str, NetworkInterface], known: frozenset[str]
    ) -> None:
        self._network = applied
        self._faults.in_force(known)
        self._keeper.network_applied(interfaces)

    def look_at_probes(self, _: str) -> None:
        """Have exactly those probed that should be."""
        self._verdicts.watch(self._prober.look())
        wanted = self._prober.specs()
        if wanted != self._probes:
            self._hold(Kind.PROBES, len(wanted))
            self._apply(
                Kind.PROBES,
                lambda: self._fabric.apply_probes(wanted, self._verdicts.report),
                lambda: self._probes_applied(wanted),
            )

    def _probes_applied(self, applied: frozenset[ProbeSpec]) -> None:
        self._probes = applied

    def look_at_balancer(self, _: str) -> float | None:
        """Have new connections go where they should; return when to look again."""
        planned = self._balancing.plan()
        self._keeper.forwarded(planned.forwarded)
        if planned.plan != self._balancer:
            self._hold(Kind.BALANCER, sum(len(service.backends) for service in planned.plan.services))
            self._apply(
                Kind.BALANCER,
                lambda: self._fabric.apply_balancer(planned.plan),
                lambda: self._balancer_applied(planned),
            )
        return planned.look_again

    def _balancer_applied(self, planned: Planned) -> None:
        self._balancer = planned.plan
        note_eligibility(self._store, self._clock, planned)

    def _hold(self, kind: Kind, parts: int) -> None:
        if parts > _SMALL:
            wait = (parts - _SMALL) * _HOLD_PER_PART * self._clock.speed
            self._queue.hold((kind, ""), self._clock.now() + wait)

    def _apply(
        self, kind: Kind, work: Callable[[], Coroutine[Any, Any, None]], done: Callable[[], None]
    ) -> None:
        """Carry a plan out beside the loop; what changes meanwhile is looked at afterwards."""
        if kind in self._applying:
            self._dirty.add(kind)
            return
        self._applying[kind] = asyncio.ensure_future(self._carry_out(kind, work, done))

    async def _carry_out(
        self, kind: Kind, work: Callable[[], Coroutine[Any, Any, None]], done: Callable[[], None]
    ) -> None:
        try:
            await work()
            done()
            self._queue.succeeded((kind, ""))
        except Exception as error:  # noqa: BLE001 - the data plane's trouble is told and tried again
            self._failed((kind, ""), error)
        finally:
            del self._applying[kind]
            if kind in self._dirty:
                self._dirty.discard(kind)
                self._queue.add((kind, ""))
                self._woken.set()
