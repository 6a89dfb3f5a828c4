"""Tells who joined and who left the balancer, after the data plane has it in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.control.links import last
from localcloud.store import Event, Store, Transaction

if TYPE_CHECKING:
    from localcloud.clock import Clock
    from localcloud.plans.balancer import BalancerPlan, VirtualService

_PREFIX = "control/eligible/"


def note_eligibility(store: Store, clock: Clock, applied: BalancerPlan) -> None:
    """Compare with what was in force before (kept under ``control/eligible/{forwarding rule}``) and tell the differences."""
    now = clock.now()
    present = {_PREFIX + service.key for service in applied.services}
    with store.transaction() as change:
        for service in applied.services:
            _compare(store, change, service, now)
        for key, _ in store.scan(_PREFIX):
            if key not in present:
                change.delete(key)


def _compare(store: Store, change: Transaction, service: VirtualService, now: float) -> None:
    key = _PREFIX + service.key
    before = store.get(key) or {"eligible": [], "lastResort": False}
    verdicts = {
        backend.instance: store.get(
            f"control/backends/{service.backend_service}/{backend.instance}/{last(service.key)}"
        )
        for backend in service.backends
    }
    healthy = {
        instance for instance, verdict in verdicts.items() if verdict and verdict["healthState"] == "HEALTHY"
    }
    eligible = sorted(backend.instance for backend in service.backends if backend.eligible)
    resort = bool(eligible) and not healthy & set(eligible)
    after = {"eligible": eligible, "lastResort": resort}
    if after == before:
        return
    change.put(key, after)
    rule = {
        "forwardingRule": service.key,
        "address": service.address,
        "eligible": eligible,
        "lastResort": resort,
    }
    for instance in sorted(set(eligible) - set(before["eligible"])):
        why = "no backend is healthy: all get traffic as a last resort" if resort else "it is HEALTHY"
        data = {"instance": instance, "reason": why, **rule}
        text = f"gets new connections of {last(service.key)}: {why}"
        change.event(Event(now, "balancer.added", instance, text, data))
    for instance in sorted(set(before["eligible"]) - set(eligible)):
        # A leaving instance is not probed for the balancer any more, so there is no verdict on it.
        verdict = verdicts.get(instance)
        why = (
            f"it is {verdict['verdict']}"
            if verdict
            else "it is leaving"
            if instance in verdicts
            else "it is gone"
        )
        data = {"instance": instance, "reason": why, **rule}
        text = f"gets no new connections of {last(service.key)}: {why}"
        change.event(Event(now, "balancer.removed", instance, text, data))
    if resort and not before["lastResort"]:
        text = f"no backend is healthy; all {len(eligible)} get new connections as a last resort"
        change.event(Event(now, "balancer.last_resort", last(service.key), text, rule))
