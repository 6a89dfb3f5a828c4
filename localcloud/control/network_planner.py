"""The network as it should be, kept up to date change by change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from localcloud.control import network

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.plans.network import NetworkInterface, NetworkPlan
    from localcloud.store import Store


class NetworkPlanner:
    """Looks at what it was told of, and no more; everything is made anew only when networks or rules change."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._plan: NetworkPlan | None = None
        self._interfaces: dict[str, NetworkInterface] = {}
        self._changed: dict[str, None] = {}

    def touch(self, instance: str) -> None:
        """Note that an instance (by key) changed."""
        self._changed[instance] = None

    def touch_all(self) -> None:
        """Note that anything may have changed."""
        self._plan = None

    def interfaces(self) -> Mapping[str, NetworkInterface]:
        """Return the interfaces of the latest plan by the instances' keys; a copy."""
        return dict(self._interfaces)

    def plan(self) -> NetworkPlan:
        """Return the network as it should be now; the same object as before if nothing changed."""
        if self._plan is None or (self._changed and self._plan.faults):  # faults are between instances
            self._changed.clear()
            self._interfaces = network.interfaces(self._store)
            self._plan = network.plan(self._store)
            return self._plan
        differs = False
        for key in self._changed:
            document = self._store.get(key)
            before = self._interfaces.get(key)
            after = (
                network.interface(self._store, document)
                if document is not None and network.visible(document)
                else None
            )
            if after == before:
                continue
            differs = True
            if after is None:
                del self._interfaces[key]
            else:
                self._interfaces[key] = after
        self._changed.clear()
        if differs:
            self._plan = replace(self._plan, interfaces=tuple(self._interfaces.values()))
        return self._plan
