"""Which probes there should be, kept up to date change by change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localcloud.control import probing, serving
from localcloud.control.probing import Target

if TYPE_CHECKING:
    from localcloud.control.inventory import Inventory
    from localcloud.control.probing import Watching
    from localcloud.plans.probe import ProbeSpec
    from localcloud.store import Store


@dataclass
class Changes:
    """What differs from the time before: targets that are new or other, and ids of those that are gone. `everything`: these are all."""

    targets: dict[str, Target] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    everything: bool = False


class ProbePlanner:
    """Looks at the instances and groups it was told of; everything is made anew only when checks, services or rules change."""

    def __init__(self, store: Store, inventory: Inventory) -> None:
        self._store, self._inventory = store, inventory
        self._all = True
        self._changed: dict[str, None] = {}
        self._groups: dict[str, None] = {}
        self._watching: dict[str, Watching | None] = {}
        self._rules: dict[str, list[serving.Rule]] = {}
        self._targets: dict[str, dict[str, Target]] = {}  # by instance key, then by probe id
        self._specs: set[ProbeSpec] = set()

    def touch(self, instance: str) -> None:
        """Note that an instance (by key) changed, or its record, or what is wanted of its machine."""
        self._changed[instance] = None

    def touch_group(self, name: str) -> None:
        """Note that a group's document changed."""
        self._groups[name] = None

    def touch_all(self) -> None:
        """Note that anything may have changed."""
        self._all = True

    def specs(self) -> frozenset[ProbeSpec]:
        """Return the probes as of the latest look."""
        return frozenset(self._specs)

    def look(self) -> Changes:
        """Return what changed since the last look."""
        changes = Changes(everything=self._all)
        if self._all:
            # Failing half-way (a check without a port, say), it begins anew.
            self._targets, self._specs, self._changed = {}, set(), {}
            self._watching = probing.watching(self._store)
            self._rules = _by_group(self._store)
            for group in sorted({*self._watching, *self._rules}):
                for instance in self._inventory.instances_of(group):
                    self._look_at(instance, changes)
            self._all = False
        for name in self._groups:
            watching = probing.watching_of(self._store, name)
            if watching != self._watching.get(name):
                self._watching[name] = watching
                self._changed.update(dict.fromkeys(self._inventory.instances_of(name)))
        self._groups.clear()
        while self._changed:
            instance = next(iter(self._changed))
            self._look_at(instance, changes)
            del self._changed[instance]
        changes.gone -= set(changes.targets)
        return changes

    def _look_at(self, instance: str, changes: Changes) -> None:
        before = self._targets.get(instance, {})
        after: dict[str, Target] = {}
        each = self._inventory.serving(instance)
        if each is not None:
            group = self._inventory.group_of(instance)
            found = [probing.autohealing(self._watching.get(group), each)]
            found += [probing.balancer(self._store, rule, each) for rule in self._rules.get(group, ())]
            after = {target.spec.id: target for target in found if target is not None}
        for identifier, target in before.items():
            if (now := after.get(identifier)) is None:
                changes.gone.add(identifier)
            if now is None or now.spec != target.spec:
                self._specs.discard(target.spec)
        for identifier, target in after.items():
            if target != before.get(identifier):
                changes.targets[identifier] = target
                self._specs.add(target.spec)
        if after:
            self._targets[instance] = after
        else:
            self._targets.pop(instance, None)


def _by_group(store: Store) -> dict[str, list[serving.Rule]]:
    found: dict[str, list[serving.Rule]] = {}
    for rule in serving.rules(store):
        for group, _ in rule.service.groups:
            found.setdefault(group, []).append(rule)
    return found
