"""The balancer as it should be, kept up to date change by change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localcloud.control import balancing, failover, handover, serving
from localcloud.control.balancing import Candidate, Standing
from localcloud.plans.balancer import Backend, BalancerPlan

if TYPE_CHECKING:
    from localcloud.clock import Clock
    from localcloud.control.inventory import Inventory
    from localcloud.store import Store


@dataclass(frozen=True, kw_only=True)
class Turnout:
    """Who is behind a rule, who of them gets new connections, and the verdicts that this was decided on; all by instance name."""

    present: frozenset[str]
    eligible: frozenset[str]
    verdicts: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan and what it was decided on. `forwarded`: addresses that instances (by key) answer to, where they differ from before.

    `look_again`: when a group or a pool that was turned away from has had its time.
    """

    plan: BalancerPlan
    turnouts: Mapping[str, Turnout]
    forwarded: Mapping[str, tuple[str, ...]]
    look_again: float | None = None


@dataclass
class _Pool:
    """The candidates of one forwarding rule by instance key, counted by their standing.

    `until`: when the connections to primaries, or to failover backends, whichever get nothing new, are cut off; None: they are.
    """

    rule: serving.Rule
    groups: dict[str, tuple[bool, bool]]
    candidates: dict[str, Candidate] = field(default_factory=dict)
    backends: dict[str, Backend] = field(default_factory=dict)
    counts: Counter[Standing] = field(default_factory=Counter)
    chosen: frozenset[Standing] = frozenset()
    names: set[str] = field(default_factory=set)
    eligible: set[str] = field(default_factory=set)
    verdicts: dict[str, str] = field(default_factory=dict)
    changed: dict[str, None] = field(default_factory=dict)
    until: float | None = None

    def put(self, instance: str, candidate: Candidate | None, verdict: str | None) -> None:
        """Set, or take out, one candidate."""
        before = self.candidates.get(instance)
        name = candidate.instance if candidate else before.instance if before else ""
        if verdict is None or candidate is None:
            self.verdicts.pop(name, None)
        else:
            self.verdicts[name] = verdict
        if candidate == before:
            return
        self.changed[instance] = None
        if before is not None:
            self.counts[before.standing] -= 1
            del self.candidates[instance]
            self.names.discard(before.instance)
        if candidate is not None:
            self.counts[candidate.standing] += 1
            self.candidates[instance] = candidate
            self.names.add(candidate.instance)

    def settle(self, store: Store, now: float) -> None:
        """Decide again on those that changed; on all, if another pool is active now."""
        chosen = balancing.active(self.counts, self.rule.service.failover)
        if chosen and any(backup for backup, _ in self.groups.values()):
            backups = balancing.backups_in(chosen)
            self.until = failover.note(store, self.rule.key, backups=backups, now=now)
        changed = list(self.changed) if chosen == self.chosen else [*self.changed, *self.candidates]
        self.chosen = chosen
        self.changed.clear()
        for instance in changed:
            before, candidate = self.backends.get(instance), self.candidates.get(instance)
            if before is not None and (candidate is None or before.eligible):
                self.eligible.discard(before.instance)
            if candidate is None:
                self.backends.pop(instance, None)
                continue
            eligible = candidate.standing in chosen
            self.backends[instance] = balancing.backend(
                candidate, chosen, self.rule.service, draining=self.until is not None
            )
            if eligible:
                self.eligible.add(candidate.instance)


class BalancerPlanner:
    """Looks at the instances it was told of; everything is made anew only when services, rules or the end of a draining ask for it."""

    def __init__(self, store: Store, clock: Clock, inventory: Inventory) -> None:
        self._store, self._clock, self._inventory = store, clock, inventory
        self._all = True
        self._changed: dict[str, None] = {}
        self._pools: dict[str, _Pool] = {}
        self._of_group: dict[str, list[_Pool]] = {}
        self._addresses: dict[str, tuple[str, ...]] = {}
        self._groups: dict[str, str] = {}  # the group that an instance was last seen in
        self._handover: float | None = None
        self._look_again: float | None = None

    def touch(self, instance: str) -> None:
        """Note that an instance (by key) changed, or its record, a verdict on it, or what is wanted of its machine."""
        self._changed[instance] = None

    def touch_all(self) -> None:
        """Note that anything may have changed."""
        self._all = True

    def plan(self) -> Planned:
        """Return the balancer as it should be now."""
        now = self._clock.now()
        if self._all or (self._look_again is not None and self._look_again <= now):
            self._all = True  # until it is done
            self._changed.update(self._renew(now))
            self._all = False
        forwarded = {}
        for instance in self._changed:
            self._place(instance)
            addresses = self._answers_to(instance)
            if addresses != self._addresses.get(instance, ()):
                forwarded[instance] = self._addresses[instance] = addresses
                if not addresses:
                    del self._addresses[instance]
        self._changed.clear()
        for pool in self._pools.values():
            if pool.changed:
                pool.settle(self._store, now)
        ends = (self._handover, *(pool.until for pool in self._pools.values()))
        self._look_again = min((each for each in ends if each is not None), default=None)
        return Planned(
            plan=BalancerPlan(
                services=tuple(
                    balancing.service(pool.rule, pool.backends.values()) for pool in self._pools.values()
                )
            ),
            turnouts={
                key: Turnout(
                    present=frozenset(pool.names),
                    eligible=frozenset(pool.eligible),
                    verdicts=dict(pool.verdicts),
                )
                for key, pool in self._pools.items()
            },
            forwarded=forwarded,
            look_again=self._look_again,
        )

    def _renew(self, now: float) -> dict[str, None]:
        """Read services and rules again; return all instances to be looked at."""
        self._handover = handover.note(self._store, now)
        self._pools, self._of_group, self._groups = {}, {}, {}
        for rule in serving.rules(self._store):
            groups = {
                group: (failover, away) for group, failover, away in balancing.behind(self._store, rule)
            }
            pool = self._pools[rule.key] = _Pool(rule, groups)
            for group in groups:
                self._of_group.setdefault(group, []).append(pool)
        failover.forget(self._store, self._pools)
        found = dict.fromkeys(self._addresses)
        for group in sorted(self._of_group):
            found.update(dict.fromkeys(self._inventory.instances_of(group)))
        return found

    def _place(self, instance: str) -> None:
        group, before = self._inventory.group_of(instance), self._groups.get(instance, "")
        if before and before != group:
            for pool in self._of_group.get(before, ()):
                pool.put(instance, None, None)
            del self._groups[instance]
        if group:
            self._groups[instance] = group
            for pool in self._of_group.get(group, ()):
                self._put(pool, instance)

    def _put(self, pool: _Pool, instance: str) -> None:
        failover, away = pool.groups[self._inventory.group_of(instance)]
        each = self._inventory.serving(instance)
        candidate = verdict = None
        if each is not None:
            candidate = balancing.candidate(self._store, pool.rule, each, failover=failover, turned_away=away)
            key = f"control/backends/{pool.rule.service.key}/{each.member.name}/{pool.rule.name}"
            record = self._store.get(key)
            verdict = None if record is None else str(record["verdict"])
        pool.put(instance, candidate, verdict)

    def _answers_to(self, instance: str) -> tuple[str, ...]:
        pools = self._of_group.get(self._inventory.group_of(instance), ())
        return tuple(sorted({pool.rule.address for pool in pools if instance in pool.candidates}))
