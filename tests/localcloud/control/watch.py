"""What must hold of a group at every commit, whoever made it and whatever befell: the promises of its settings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from localcloud.control.health import condemned
from localcloud.control.links import url
from localcloud.plans import per_instance, sizes, standby
from tests.localcloud.control.cloud import Cloud
from tests.localcloud.control.documents import AUTOSCALER, GROUP

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from localcloud.control.member import Member
    from localcloud.store import Document, Event

_BY_UPDATE = ("replaced by an update", "its zone has too many", "update")
_UNDONE = (per_instance.UNAPPLIED_DELETION, per_instance.DELETING)
_REPAIRS = ("autohealing.recreate", "instance.repair")


@dataclass
class Watch:
    """Looks at every commit; what is wrong is collected, because a watcher must not disturb the store."""

    cloud: Cloud
    broken: list[str] = field(default_factory=list)
    _requested: set[str] = field(
        default_factory=set
    )  # to be updated because somebody said so: no limit holds
    _available: set[str] = field(default_factory=set)  # before this commit
    _health: dict[str, str] = field(default_factory=dict)
    _records: set[str] = field(default_factory=set)
    _stopped: set[str] = field(default_factory=set)  # under repair because they were found stopped

    def __call__(self, _keys: frozenset[str], events: tuple[Event, ...]) -> None:
        self._names()
        self._errors(events)
        document = self.cloud.store.get("compute/" + GROUP)
        if document is None:
            return
        members = self.cloud.members()
        size = int(document["targetSize"])
        update: Mapping[str, Any] = document["updatePolicy"]
        surge = sizes.limit(update.get("maxSurge"), size, 3)
        unavailable = sizes.limit(update.get("maxUnavailable"), size, 3)
        if self._stateful(document):  # no substitute would have the state
            surge = 0
        if surge == 0:
            unavailable = max(1, unavailable)
        available = self._count_available(members, ready_after=float(update.get("minReadySec") or 0))
        self._taken_out(events, available, size - unavailable)
        if not any(event.kind == "request.createInstances" for event in events):  # somebody's own wish
            self._too_many(document, members, size + surge)
        self._repairs(document, events, members, size)
        self._scaled(events)
        self._available = available
        self._health = {name: member.health for name, member in members.items()}
        self._records = set(members)
        self._requested = {name for name, member in members.items() if member.requested}

    def _stateful(self, document: Document) -> bool:
        policy = (document.get("statefulPolicy") or {}).get("preservedState") or {}
        configs = [config for _, config in self.cloud.store.scan(per_instance.prefix_of(GROUP))]
        return any(policy.values()) or any(config.get("status") not in _UNDONE for config in configs)

    def _count_available(self, members: Mapping[str, Member], *, ready_after: float) -> set[str]:
        now = self.cloud.clock.now()
        return {
            name
            for name, member in members.items()
            if not member.waiting
            and _serves(member)
            and now >= member.healthy_at + ready_after
            and self._untouched(member)
        }

    def _untouched(self, member: Member) -> bool:
        """Nothing from outside has happened to it that its record does not show yet."""
        document = self.cloud.store.get(member.instance)
        if document is None or document["id"] != member.instance_id or document["status"] != "RUNNING":
            return False
        intent = self.cloud.store.get(f"control/machines/{document['id']}") or {}
        return intent.get("intent") == "run"

    def _taken_out(self, events: Sequence[Event], available: set[str], least: int) -> None:
        """Never are more down than maxUnavailable allows but by failure: an update takes nobody out that is needed."""
        by_update = {event.subject for event in events if event.data.get("reason") in _BY_UPDATE}
        by_update -= self._requested
        if any(name in self._available for name in by_update) and len(available) < least:
            self.broken.append(
                f"{sorted(by_update)} taken out by an update: {len(available)} left, {least} must be available"
            )

    def _too_many(self, document: Document, members: Mapping[str, Member], most: int) -> None:
        """Nobody is added beyond the size and the surge, counting those that an update replaces until they are gone."""
        staying = Counter(
            member.target for member in members.values() if not member.leaving or member.replaced
        )
        added = {members[name].target for name in members.keys() - self._records}
        mosts = {standby.RUNNING: most}
        mosts |= {state: int(document.get(wanted, 0)) for state, wanted in standby.SIZES.items()}
        self.broken += [
            f"{staying[target]} instances are to be {target}; {mosts[target]} may, surge included"
            for target in added
            if staying[target] > mosts[target]
        ]

    def _repairs(
        self, document: Document, events: Sequence[Event], members: Mapping[str, Member], size: int
    ) -> None:
        """Who the check does not condemn is not healed, nobody is where that is switched off, and never all at once."""
        policy: Mapping[str, Any] = document.get("instanceLifecyclePolicy") or {}
        default = policy.get("defaultActionOnFailure") or "REPAIR"
        failed = policy.get("onFailedHealthCheck") or "DEFAULT_ACTION"
        heals = (default if failed == "DEFAULT_ACTION" else failed) == "REPAIR"
        checked = bool(document.get("autoHealingPolicies"))
        pooled = {name for name, member in members.items() if member.waiting}
        for event in events:
            if event.kind not in _REPAIRS:
                continue
            by_check = event.kind == "autohealing.recreate"
            if by_check and not condemned(self._health.get(event.subject, "")):
                self.broken.append(f"{event.subject} recreated though {self._health.get(event.subject)}")
            if not (heals and checked if by_check else default == "REPAIR"):
                self.broken.append(f"{event.subject}: {event.kind} though repairs are off: {policy}")
            if not by_check:
                self._stopped.add(event.subject)
        under_way = {name for name, member in members.items() if member.repairs and _is_made_anew(member)}
        self._stopped &= under_way
        healed = under_way - self._stopped - pooled
        if len(healed) > max(1, size - 1) and any(event.kind == _REPAIRS[0] for event in events):
            self.broken.append(f"{sorted(healed)} are healed at once, of a group of {size}")

    def _scaled(self, events: Sequence[Event]) -> None:
        """An autoscaler sets no size that it may not, and none where it is switched off."""
        policy = (self.cloud.store.get("compute/" + AUTOSCALER) or {}).get("autoscalingPolicy") or {}
        for event in events:
            if event.kind != "autoscaler.resize":
                continue
            before, to = event.data["from"], event.data["to"]
            if not policy["minNumReplicas"] <= to <= policy["maxNumReplicas"] and to < before:
                self.broken.append(f"scaled in to {to} by {policy}")
            if to > policy["maxNumReplicas"]:
                self.broken.append(f"scaled to {to} by {policy}")
            if policy.get("mode") == "OFF" or (policy.get("mode") == "ONLY_SCALE_OUT" and to < before):
                self.broken.append(f"scaled from {before} to {to} by {policy}")

    def _errors(self, events: Sequence[Event]) -> None:
        self.broken += [
            event.message
            for event in events
            if event.kind == "controller.error" and "simulated" not in event.message
        ]

    def _names(self) -> None:
        """Names and addresses are one instance's only, disks have the instance that uses them, machines are nobody else's."""
        store = self.cloud.store
        documents = {
            key: document for key, document in store.scan("compute/projects/") if "/instances/" in key
        }
        addresses = [document["networkInterfaces"][0]["networkIP"] for document in documents.values()]
        running = [g.spec.name for g in self.cloud.machines.guests.values() if g.state == "running"]
        for what, found in (
            ("addresses", addresses),
            ("instances", [key.rpartition("/")[2] for key in documents]),
            ("machines", running),
            ("ids", [str(document["id"]) for document in documents.values()]),
        ):
            if len(found) != len(set(found)):
                self.broken.append(f"{what} that two have: {sorted(found)}")
        links = {url(key.removeprefix("compute/")) for key in documents}
        for key, disk in store.scan("compute/projects/"):
            if "/disks/" in key and not set(disk.get("users") or ()) <= links:
                self.broken.append(f"{key} is used by {disk['users']}, who are not there")


def _serves(member: Member) -> bool:
    """What Google calls available: it runs, was found healthy once, and nobody has said since that it is not."""
    at_rest = member.action in {"NONE", "VERIFYING"} and member.instance_status == "RUNNING"
    return at_rest and member.ever_healthy and member.health in {"HEALTHY", "UNKNOWN"}


def _is_made_anew(member: Member) -> bool:
    """It is not there yet, or nobody knows yet what became of it."""
    return member.action == "RECREATING" or (
        member.action == "VERIFYING" and member.health in {"HEALTHY", "UNKNOWN"}
    )
