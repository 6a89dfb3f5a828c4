"""Which look each change of the store asks for, and at what part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.control.kinds import Kind
from localcloud.control.links import relname

if TYPE_CHECKING:
    from localcloud.control.autoscalers import AutoscalerController
    from localcloud.control.disk_keeper import DiskKeeper
    from localcloud.control.groups import GroupController
    from localcloud.control.inventory import Inventory
    from localcloud.control.planning import Planning
    from localcloud.control.utilisation import Utilisation
    from localcloud.control.work import WorkQueue
    from localcloud.store import Store


class Router:
    """Turns changed keys into keys to be looked at, and tells the planners which instances are concerned."""

    def __init__(
        self,
        store: Store,
        queue: WorkQueue,
        *,
        inventory: Inventory,
        planning: Planning,
        groups: GroupController,
        autoscalers: AutoscalerController,
        utilisation: Utilisation,
        disks: DiskKeeper,
    ) -> None:
        self._store, self._queue, self._inventory, self._planning = store, queue, inventory, planning
        self._groups, self._autoscalers, self._utilisation = groups, autoscalers, utilisation
        self._disks = disks
        self._sizes: dict[str, object] = {}  # targetSize of groups; autoscalers care for nothing else of them

    def everything(self) -> None:
        """Ask for a look at everything, as if nothing were known."""
        self._inventory.renew()
        self._planning.touch_all()
        self._groups.touch_all()
        self._autoscalers.touch_all()
        self._disks.touch_all()
        for name in self._groups.known():
            self._queue.add((Kind.GROUP, name))
        for key, _ in self._store.scan(""):
            self.route(key)
        self._add(Kind.NETWORK, Kind.PROBES, Kind.BALANCER, Kind.SWEEP, Kind.SAMPLE, Kind.FAULTS, Kind.DISKS)

    def route(self, key: str) -> None:
        """Ask for what has to be looked at because this key changed."""
        if key.startswith("control/"):
            self._record(key)
        elif key.startswith("compute/"):
            self._resource(key, key.split("/")[-2])

    def _record(self, key: str) -> None:
        area, _, rest = key.removeprefix("control/").partition("/")
        match area:
            case "managed":
                instance = self._inventory.learn(key)
                group, _, name = rest.rpartition("/")
                self._groups.touch(group, name)
                self._autoscalers.touch_member(group, name)
                if not self._utilisation.wrote(key):
                    self._queue.add((Kind.GROUP, group))
                    if instance is not None:
                        self._planning.touch(instance)
                        self._add(Kind.PROBES, Kind.BALANCER)
            case "per-instance-configs":
                group, _, name = rest.rpartition("/")
                self._groups.touch(group, name)
                self._queue.add((Kind.GROUP, group))
            case "deleting":
                self._queue.add((Kind.GROUP, rest))
                for autoscaler in self._autoscalers.of_group(rest):
                    self._queue.add((Kind.AUTOSCALER, autoscaler))
            case "autoscalers" | "load-history":
                if self._store.get("compute/" + rest) is None:  # it was deleted while nobody looked
                    self._queue.add((Kind.AUTOSCALER, rest))
            case "requests":
                self._queue.add((Kind.REQUEST, key))
            case "machines" | "backends" | "faults":
                self._observed(key, area)
            case _:
                pass

    def _observed(self, key: str, area: str) -> None:
        match area:
            case "machines":
                if record := self._store.get(key):
                    self._instance(record["instance"])
                    self._queue.add((Kind.MACHINE, record["instance"]))
                    self._add(Kind.PROBES, Kind.BALANCER)
            case "backends":
                if record := self._store.get(key):
                    self._planning.touch("compute/" + relname(record["instance"]))
                self._add(Kind.BALANCER)
            case "faults":
                self._planning.touch_network()
                self._add(Kind.NETWORK, Kind.FAULTS)
            case _:
                pass

    def _resource(self, key: str, collection: str) -> None:
        name = key.removeprefix("compute/")
        match collection:
            case "instanceGroupManagers":
                self._queue.add((Kind.GROUP, name))
                self._planning.touch_group(name)
                self._add(Kind.PROBES)
                size = (self._store.get(key) or {}).get("targetSize")
                if size != self._sizes.get(name, ...):
                    self._sizes[name] = size
                    for autoscaler in self._autoscalers.of_group(name):
                        self._queue.add((Kind.AUTOSCALER, autoscaler))
            case "instances":
                self._instance(key)
                self._groups.touch_addresses(key)
                self._queue.add((Kind.MACHINE, key))
                self._add(Kind.NETWORK, Kind.PROBES, Kind.BALANCER, Kind.FAULTS)
                if group := self._inventory.group_of(key):
                    self._queue.add((Kind.GROUP, group))
            case "autoscalers":
                self._queue.add((Kind.AUTOSCALER, name))
                for group in self._autoscalers.touch(name):  # its name is in the group's status
                    self._queue.add((Kind.GROUP, group))
            case "addresses" | "disks":
                self._kept(key, collection)
            case "networks" | "subnetworks" | "firewalls" | "routers":
                self._planning.touch_network()
                self._add(Kind.NETWORK)
            case "healthChecks":
                self._planning.touch_probes()
                self._add(Kind.PROBES)
            case "backendServices" | "forwardingRules":
                self._planning.touch_services()
                self._add(Kind.PROBES, Kind.BALANCER)
            case _:
                pass

    def _kept(self, key: str, collection: str) -> None:
        if collection == "addresses":
            self._groups.touch_addresses(key)
        elif self._disks.touch(key):
            self._add(Kind.DISKS)

    def _instance(self, key: str) -> None:
        self._planning.touch(key)
        if group := self._inventory.group_of(key):
            self._groups.touch(group, self._inventory.name_of(key))

    def _add(self, *kinds: Kind) -> None:
        for kind in kinds:
            self._queue.add((kind, ""))
