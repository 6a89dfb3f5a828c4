"""Whom Google's passthrough balancer sends a packet to, by what Google documents: without a kernel, and without the product's own code.

"Traffic distribution for external passthrough Network Load Balancers": an entry of the tracking table decides if there is one and its
backend keeps what it has; else a consistent hash of the affinity's fields over the eligible backends. What the hash is nobody says: the
oracle learns it, and holds it to be the same for the same fields and backends. A backend that is drained keeps what it has and gets nothing
new, of a session neither.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.persistence import TABLE

_SOMEBODY = "?"  # an entry of which no more is known
_REMEMBERED = (
    40.0  # real seconds for which an entry is sure to be there: after 60 without a packet it is forgotten
)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A backend service and its forwarding rule, in Google's words; `ratio` None: no failover backends."""

    protocol: str
    affinity: str
    tracking: str
    persistence: str
    ipv6: bool
    weighted: bool
    ratio: float | None
    drop: bool
    cut: bool  # disableConnectionDrainOnFailover


@dataclass(frozen=True, kw_only=True)
class Health:
    """A backend as it is now. `weight` below 0: it told of none that is valid."""

    healthy: bool = True
    leaving: bool = False
    backup: bool = False
    weight: int = 1


@dataclass(eq=False)
class Flow:
    """A client's connection, or its datagrams from one port. `home`: where its latest packet went."""

    kind: str  # "TCP" or "UDP"
    source: str
    port: int
    home: str = ""


@dataclass(frozen=True)
class Verdict:
    """Where a packet goes: to this backend (`home`), or to one of these, by this hash (`choice`); to nobody if these are none.

    `unknown`: an entry may decide of which nothing is known, but that it is there, or may be.
    """

    home: str = ""
    among: frozenset[str] = frozenset()
    choice: tuple[Any, ...] = ()
    unknown: bool = False


@dataclass
class Oracle:
    """The balancer of one forwarding rule."""

    setting: Setting
    backends: dict[str, Health] = field(default_factory=dict)
    entries: dict[tuple[Any, ...], str] = field(default_factory=dict)
    learnt: dict[tuple[Any, ...], str] = field(default_factory=dict)
    used: dict[tuple[Any, ...], float] = field(default_factory=dict)

    def eligible(self) -> set[str]:
        """Return the backends that get new connections by their health, whatever their weights."""
        staying = {name: each for name, each in self.backends.items() if not each.leaving}
        primaries = {name for name, each in staying.items() if not each.backup}
        backups = staying.keys() - primaries
        well = {name for name in primaries if staying[name].healthy}
        well_backups = {name for name in backups if staying[name].healthy}
        if well and len(well) >= (self.setting.ratio or 0.0) * len(primaries):
            return well
        if well_backups:
            return well_backups
        if well:
            return well
        if self.setting.drop:
            return set()
        return set(primaries or backups)

    def weights(self) -> dict[str, int]:
        """Return the backends that new connections are shared out among, with their weights."""
        eligible = self.eligible()
        weights = {name: self.backends[name].weight if self.setting.weighted else 1 for name in eligible}
        if any(weight < 0 for weight in weights.values()) or not any(weights.values()):
            weights = dict.fromkeys(eligible, 1)
        return {name: weight for name, weight in weights.items() if weight}

    def verdict(self, flow: Flow, now: float, *, begins: bool) -> Verdict:
        """Return where the next packet of a flow goes, its first one if it `begins`. `now`: real seconds."""
        if self._tracked(flow):
            if now - self.used.get(self._key(flow), now) > _REMEMBERED:
                self.entries[self._key(flow)] = _SOMEBODY
            entry = self.entries.get(self._key(flow), "")
            if entry == _SOMEBODY:
                return Verdict(among=frozenset(self.backends), unknown=True)
            if not begins and self._drained(flow.home):
                return Verdict(home=flow.home)
            known = entry and not (begins and flow.kind == "TCP" and not self._sessions)
            if known and self._keeps(entry, flow) and not (self._sessions and self._drained(entry)):
                return Verdict(home=entry)
        weights = self.weights()
        choice = (tuple(sorted(weights.items())), self._hashed(flow))
        if home := self.learnt.get(choice):
            return Verdict(home=home)
        return Verdict(among=frozenset(weights), choice=choice)

    def went(self, flow: Flow, verdict: Verdict, home: str, now: float) -> None:
        """Learn where a packet went, as the verdict has it."""
        self.used[self._key(flow)] = now
        if verdict.choice:
            self.learnt[verdict.choice] = home
        if self._tracked(flow) and not (self._sessions and self._drained(home)):
            self.entries[self._key(flow)] = home
        flow.home = home

    def went_unseen(self, flow: Flow) -> None:
        """Learn that a packet went to one of those it may go to, and that it is not known to which."""
        self.entries[self._key(flow)] = _SOMEBODY

    @property
    def _sessions(self) -> bool:
        return self.setting.tracking == "PER_SESSION" and not self.by_ports

    @property
    def by_ports(self) -> bool:
        """Whether a client's flows are told apart by their ports."""
        return self.setting.affinity in {"NONE", "CLIENT_IP_PORT_PROTO"}

    def _tracked(self, flow: Flow) -> bool:
        return flow.kind == "TCP" or self.setting.affinity != "NONE"

    def _hashed(self, flow: Flow) -> tuple[Any, ...]:
        if self.by_ports:
            return (flow.source, flow.kind, flow.port)
        return (flow.source, flow.kind) if self.setting.affinity == "CLIENT_IP_PROTO" else (flow.source,)

    def _key(self, flow: Flow) -> tuple[Any, ...]:
        return self._hashed(flow) if self._sessions else (flow.source, flow.kind, flow.port)

    def _drained(self, name: str) -> bool:
        """Say whether a backend gets nothing new and keeps what it has: one that leaves, or of the pool that is not active."""
        backend, eligible = self.backends.get(name), self.eligible()
        if backend is None:
            return False
        if backend.leaving:
            return True
        active = {self.backends[each].backup for each in eligible}
        return bool(active) and backend.backup not in active and not self.setting.cut

    def _keeps(self, name: str, flow: Flow) -> bool:
        backend, eligible = self.backends.get(name), self.eligible()
        if backend is None:
            return False
        if name in eligible or self._drained(name):
            return True
        if eligible and backend.backup not in {self.backends[each].backup for each in eligible}:
            return False  # cut off on failover
        setting = self.setting
        stays = TABLE[setting.persistence, setting.tracking, setting.affinity] or ""
        return flow.kind[0] in stays
