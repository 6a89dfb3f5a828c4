"""Tells who joined and who left the balancer, once the data plane has it in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from localcloud.control.links import last
from localcloud.store import Event, Store, Transaction

if TYPE_CHECKING:
    from localcloud.clock import Clock
    from localcloud.plans.balancer import BalancerPlan, VirtualService

_PREFIX = "control/eligible/"

Verdicts = Mapping[tuple[str, str], str]


def verdicts_behind(store: Store, plan: BalancerPlan) -> Verdicts:
    """Return what a plan was decided on: the verdict by (forwarding rule, instance); none on instances that are leaving."""
    found = {}
    for service in plan.services:
        for backend in service.backends:
            key = f"control/backends/{service.backend_service}/{backend.instance}/{last(service.key)}"
            if (record := store.get(key)) is not None:
                found[service.key, backend.instance] = str(record["verdict"])
    return found


def note_eligibility(store: Store, clock: Clock, applied: BalancerPlan, verdicts: Verdicts) -> None:
    """Compare with what was in force before (kept under ``control/eligible/{forwarding rule}``) and tell the differences.

    The reasons are the verdicts that the plan was decided on: newer ones belong to the next plan.
    """
    now = clock.now()
    present = {_PREFIX + service.key for service in applied.services}
    with store.transaction() as change:
        for service in applied.services:
            _compare(store, change, service, verdicts, now)
        for key, _ in store.scan(_PREFIX):
            if key not in present:
                change.delete(key)


def _compare(
    store: Store, change: Transaction, service: VirtualService, verdicts: Verdicts, now: float
) -> None:
    key = _PREFIX + service.key
    before = store.get(key) or {"eligible": [], "lastResort": False}
    eligible = sorted(backend.instance for backend in service.backends if backend.eligible)
    resort = bool(eligible) and not any(
        verdicts.get((service.key, instance)) == "HEALTHY" for instance in eligible
    )
    after = {"eligible": eligible, "lastResort": resort}
    if after == before:
        return
    change.put(key, after)
    rule = {"forwardingRule": service.key, "address": service.address, **after}
    present = {backend.instance for backend in service.backends}
    for instance in sorted(set(eligible) - set(before["eligible"])):
        why = "no backend is healthy: all get traffic as a last resort" if resort else "it is HEALTHY"
        data = {"instance": instance, "reason": why, **rule}
        text = f"gets new connections of {last(service.key)}: {why}"
        change.event(Event(now, "balancer.added", instance, text, data))
    for instance in sorted(set(before["eligible"]) - set(eligible)):
        verdict = verdicts.get((service.key, instance))
        why = f"it is {verdict}" if verdict else "it is leaving" if instance in present else "it is gone"
        data = {"instance": instance, "reason": why, **rule}
        text = f"gets no new connections of {last(service.key)}: {why}"
        change.event(Event(now, "balancer.removed", instance, text, data))
    if resort and not before["lastResort"]:
        text = f"no backend is healthy; all {len(eligible)} get new connections as a last resort"
        change.event(Event(now, "balancer.last_resort", last(service.key), text, rule))
