"""Carries out the autoscalers' decisions in the store: targetSize of the group; recommendedSize, status and statusDetails of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.control import autoscaler, forecast, metric_signals, scaling_status
from localcloud.control.crew import Crew
from localcloud.control.links import last, relname
from localcloud.control.load_history import LoadHistory
from localcloud.control.signals import Load, Need
from localcloud.plans import schedule
from localcloud.store import Document, Event, Store, Transaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from localcloud.clock import Clock
    from localcloud.control.member import Member
    from localcloud.control.utilisation import Utilisation


class AutoscalerController:
    """Reconciles autoscalers, one at a time, by relative name. What it recommended lives under ``control/autoscalers/``."""

    def __init__(self, store: Store, clock: Clock, utilisation: Utilisation) -> None:
        self._store, self._clock, self._utilisation = store, clock, utilisation
        self._load_history = LoadHistory(store)
        self._targets: dict[str, str] = {}  # by autoscaler
        self._crews: dict[str, Crew] = {}  # by target

    def touch(self, name: str) -> set[str]:
        """Note that an autoscaler changed, or is no more; return the groups that have another autoscaler now than before, or none."""
        before, document = self._targets.pop(name, ""), self._store.get("compute/" + name)
        if document is not None:
            self._targets[name] = relname(document.get("target", ""), name)
        after = self._targets.get(name, "")
        if after == before:
            return set()
        self._crews.pop(before, None)
        return {before, after} - {""}

    def touch_member(self, group: str, name: str) -> None:
        """Note that the record of a group's instance changed."""
        if (crew := self._crews.get(group)) is not None:
            crew.touch(name)

    def touch_all(self) -> None:
        """Note that anything may have changed."""
        self._crews.clear()

    def known(self) -> tuple[str, ...]:
        """Return all autoscalers that it was told of."""
        return tuple(self._targets)

    def of_group(self, group: str) -> list[str]:
        """Return the autoscalers that size this group."""
        parent = f"compute/{'/'.join(group.split('/')[:4])}/autoscalers/"
        return [
            key.removeprefix("compute/")
            for key, document in self._store.scan(parent)
            if relname(document.get("target", ""), group) == group
        ]

    def reconcile(self, name: str) -> None:
        """Recommend a size, and set it where the mode says so."""
        document = self._store.get("compute/" + name)
        record_key = "control/autoscalers/" + name
        if document is None:
            self._crews.pop(self._targets.pop(name, ""), None)
            self._load_history.forget(name)
            if self._store.get(record_key) is not None:
                with self._store.transaction() as change:
                    change.delete(record_key)
            return
        target = relname(document["target"], name)
        group = self._store.get("compute/" + target)
        if group is None or self._store.get("control/deleting/" + target) is not None:
            self._crews.pop(target, None)
            with self._store.transaction() as change:
                self._write(change, name, document, None, ["SCALING_TARGET_DOES_NOT_EXIST"])
            return
        crew = self._crews.get(target) or self._crews.setdefault(target, Crew(self._store, target))
        members = [member for member in crew.members() if not member.waiting]
        record = self._store.get(record_key) or {"history": []}
        policy = autoscaler.parse(document["autoscalingPolicy"])
        current = int(group.get("targetSize") or 0)
        now = self._clock.now()
        history = [(float(when), int(size)) for when, size in record["history"]]
        schedules = document["autoscalingPolicy"].get("scalingSchedules") or {}
        loads = [self._load(member, now) for member in members if not member.leaving]
        needs = self._needs(document["autoscalingPolicy"], target, loads, current, now)
        if policy.cpu_target is not None:
            needs += self._forecast(name, policy, loads, now)
        found = autoscaler.recommend(
            policy,
            loads,
            current,
            history,
            now=now,
            scheduled=schedule.required(schedules, now),
            needs=needs,
        )
        details = [*found.details, *scaling_status.troubles(members, schedules, policy)]
        with self._store.transaction() as change:
            if list(found.history) != history:
                change.put(record_key, {"history": [list(entry) for entry in found.history]})
            self._write(change, name, document, found.stabilised, details)
            if found.size != current:
                change.put("compute/" + target, {**group, "targetSize": found.size})
                self._tell(change, name, target, current, found)

    def _needs(
        self, policy: Mapping[str, Any], target: str, loads: list[Load], current: int, now: float
    ) -> list[Need]:
        """Return what all signals but CPU and schedules ask for."""
        initialisation = autoscaler.parse(policy).initialisation
        found = list(
            metric_signals.needs(self._store, policy, loads, current, initialisation=initialisation, now=now)
        )
        if policy.get("loadBalancingUtilization"):
            found.append(scaling_status.by_balancer(self._store, target))
        return found

    def _forecast(
        self, name: str, policy: autoscaler.Policy, loads: Sequence[Load], now: float
    ) -> list[Need]:
        """Note the load, and return what is forecast if that is asked for and can be."""
        self._load_history.note(name, forecast.load_of(loads, policy.initialisation), now)
        if not policy.predictive or policy.cpu_target is None:
            return []
        history = self._load_history.of(name)
        found = forecast.need(history, now, target=policy.cpu_target, lead=policy.initialisation)
        return [] if found is None else [found]

    def _load(self, member: Member, now: float) -> Load:
        running = member.instance_status == "RUNNING" and member.running_at > 0
        return Load(
            instance=member.name,
            utilisation=self._utilisation.of(member.instance_id) if running else None,
            age=now - member.running_at if running else 0.0,
            id=member.instance_id,
        )

    def _write(
        self, change: Transaction, name: str, document: Document, recommended: int | None, details: list[str]
    ) -> None:
        updated: dict[str, Any] = {**document, **scaling_status.rendered(details)}
        if recommended is not None:
            updated["recommendedSize"] = recommended
        if not details:
            updated.pop("statusDetails", None)
        if updated != document:
            change.put("compute/" + name, updated)

    def _tell(
        self, change: Transaction, name: str, target: str, current: int, found: autoscaler.Recommendation
    ) -> None:
        data = {
            "autoscaler": name,
            "group": target,
            "from": current,
            "to": found.size,
            "recommended": found.recommended,
            "utilisation": found.utilisation,
            "measured": found.measured,
            "reason": found.reason,
        }
        change.event(
            Event(
                self._clock.now(),
                "autoscaler.resize",
                last(target),
                f"{current} -> {found.size}: {found.reason}",
                data,
            )
        )
