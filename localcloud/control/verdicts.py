"""Turns probe results into verdicts, and keeps each verdict in the store at the moment it changes.

Counters live in memory: after a restart of the daemon a verdict stands until as many new results as its threshold say otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from localcloud.control.health import Endpoint, HealthState, healthy
from localcloud.control.jury import Jury
from localcloud.control.links import last, relname, url
from localcloud.plans.probe import NO_WEIGHT
from localcloud.store import Document, Event, Store

if TYPE_CHECKING:
    from localcloud.clock import Clock
    from localcloud.control.probe_planner import Changes
    from localcloud.control.probing import Target
    from localcloud.plans.probe import ProbeResult


class Verdicts:
    """The health state machines of all endpoints that are watched."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._targets: dict[str, Target] = {}
        self._juries: dict[str, Jury] = {}

    def watch(self, changes: Changes) -> None:
        """Watch what changed as it is now, and no longer what is gone; a new incarnation of an instance starts from UNKNOWN.

        Balancer verdicts on what is no longer watched leave the store.
        """
        gone = set(self._targets) - set(changes.targets) if changes.everything else changes.gone
        kept = {target.record for target in changes.targets.values()}
        left = {self._targets[each].record for each in gone if each in self._targets}
        if changes.everything:
            left.update(key for key, _ in self._store.scan("control/backends/"))
        with self._store.transaction() as change:
            for key in sorted(left - kept):
                if key.startswith("control/backends/") and self._store.get(key) is not None:
                    change.delete(key)
            for identifier, target in changes.targets.items():
                known = self._targets.get(identifier)
                if known is None or known.instance_id != target.instance_id or known.since != target.since:
                    self._juries[identifier] = Jury(self._remembered(target))
                record = self._store.get(target.record)
                if target.spec.consumer == "balancer":
                    wanted = self._backend(target, self._juries[identifier].state, record)
                    if record != wanted:
                        change.put(target.record, wanted)
        for identifier in gone:
            self._juries.pop(identifier, None)
            self._targets.pop(identifier, None)
        self._targets.update(changes.targets)

    def report(self, result: ProbeResult) -> None:
        """Take the outcome of one probe. Outcomes of probes that nobody asked for any more, or of an earlier incarnation, are dropped."""
        target = self._targets.get(result.id)
        if target is None or result.sent_at < target.since:
            return
        jury = self._juries[result.id]
        before, ever = jury.state, jury.ever_healthy
        view = jury.take(result, target.thresholds, grace_until=target.grace_until)
        if view is not None and not self._write(target, before, jury, view, result):
            self._juries[result.id] = Jury(Endpoint(state=before, ever_healthy=ever))
        if target.spec.consumer == "balancer" and result.outcome == "success":
            record = self._store.get(target.record)
            if record is not None and record.get("weight", NO_WEIGHT) != result.weight:
                with self._store.transaction() as change:
                    change.put(target.record, {**record, "weight": result.weight})

    def _remembered(self, target: Target) -> Endpoint:
        record = self._store.get(target.record)
        if (
            record is None
            or str(record.get("instanceId")) != target.instance_id
            or record.get("healthSince", 0.0) < target.since
        ):
            return Endpoint()
        state = cast(
            "HealthState", record["health"] if target.spec.consumer == "autohealing" else record["verdict"]
        )
        return Endpoint(state=state, ever_healthy=bool(record.get("everHealthy", False)))

    def _write(
        self, target: Target, before: HealthState, after: Jury, view: Endpoint, result: ProbeResult
    ) -> bool:
        """Keep a verdict; return False if it is about nobody. `view`: that of the prober whose result decided."""
        record = self._store.get(target.record)
        now = self._clock.now()
        with self._store.transaction() as change:
            if target.spec.consumer == "balancer":
                ever = {"everHealthy": after.ever_healthy}
                change.put(
                    target.record,
                    {**self._backend(target, after.state, record), "since": now, "healthSince": now, **ever},
                )
            elif record is not None and record.get("instanceId") == target.instance_id:
                fields: dict[str, Any] = {
                    "health": after.state,
                    "healthSince": now,
                    "everHealthy": after.ever_healthy,
                }
                if after.ever_healthy and not record.get("everHealthy"):
                    fields["healthyAt"] = now
                change.put(target.record, {**record, **fields})
            else:
                return False
            change.event(self._event(target, before, after.state, view, result))
        return True

    def _event(
        self, target: Target, before: HealthState, after: HealthState, view: Endpoint, result: ProbeResult
    ) -> Event:
        count = view.successes if healthy(after) else view.failures
        word = "success" if healthy(after) else "failure"
        plural = "" if count == 1 else "es" if word == "success" else "s"
        detection = result.ended_at - view.streak_began
        kind = f"health.{target.spec.consumer}"
        text = f"{before} -> {after} after {count} {word}{plural} ({result.detail or result.outcome}) in {detection:.1f} s"
        return Event(
            self._clock.now(),
            kind,
            target.spec.instance,
            f"{text}; check {last(target.check)}",
            {
                "instance": target.spec.instance,
                "id": target.instance_id,
                "from": before,
                "to": after,
                "check": target.check,
                "consecutive": count,
                "detection": detection,
                "first_sent_at": view.streak_began,
                "last_sent_at": result.sent_at,
                "ended_at": result.ended_at,
                "interval": target.spec.interval,
                "timeout": target.spec.timeout,
                "outcome": result.outcome,
                "detail": result.detail,
                "forwardingRule": target.forwarding_rule,
            },
        )

    def _backend(self, target: Target, state: str, record: Document | None) -> dict[str, Any]:
        """Return a balancer verdict as the store keeps it; before the first verdict a backend counts as unhealthy."""
        same = record is not None and str(record.get("instanceId")) == target.instance_id
        kept: Document = record if record is not None and same else {}
        return {
            "healthState": "HEALTHY" if healthy(state) else "UNHEALTHY",
            "verdict": state,
            "ipAddress": target.spec.instance_address,
            "port": target.spec.port,
            "instance": url(relname(target.instance_key)),
            "instanceId": target.instance_id,
            "forwardingRule": url(target.forwarding_rule),
            "forwardingRuleIp": target.spec.address,
            "since": kept.get("since", self._clock.now()),
            "healthSince": kept.get("healthSince", 0.0),
            "everHealthy": kept.get("everHealthy", False),
            "weight": kept.get("weight", NO_WEIGHT),
        }
