"""Tells who joined and who left the balancer, once the data plane has it in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.control.links import last
from localcloud.store import Event, Store, Transaction

if TYPE_CHECKING:
    from localcloud.clock import Clock
    from localcloud.control.balancer_planner import Planned, Turnout
    from localcloud.plans.balancer import VirtualService

_PREFIX = "control/eligible/"


def note_eligibility(store: Store, clock: Clock, applied: Planned) -> None:
    """Compare with what was in force before (kept under ``control/eligible/{forwarding rule}``) and tell the differences.

    The reasons are the verdicts that the plan was decided on: newer ones belong to the next plan.
    """
    now = clock.now()
    present = {_PREFIX + service.key for service in applied.plan.services}
    with store.transaction() as change:
        for service in applied.plan.services:
            _compare(store, change, service, applied.turnouts[service.key], now)
        for key, _ in store.scan(_PREFIX):
            if key not in present:
                change.delete(key)


def _compare(
    store: Store, change: Transaction, service: VirtualService, turnout: Turnout, now: float
) -> None:
    key = _PREFIX + service.key
    before = store.get(key) or {"eligible": [], "lastResort": False}
    then, eligible, verdicts = frozenset(before["eligible"]), turnout.eligible, turnout.verdicts
    resort = bool(eligible) and not any(verdicts.get(instance) == "HEALTHY" for instance in eligible)
    if eligible == then and resort == before["lastResort"] and store.get(key) is not None:
        return
    after = {"eligible": sorted(eligible), "lastResort": resort}
    change.put(key, after)
    rule = {"forwardingRule": service.key, "address": service.address, **after}
    for instance in sorted(eligible - then):
        why = "no backend is healthy: all get traffic as a last resort" if resort else "it is HEALTHY"
        data = {"instance": instance, "reason": why, **rule}
        text = f"gets new connections of {last(service.key)}: {why}"
        change.event(Event(now, "balancer.added", instance, text, data))
    for instance in sorted(then - eligible):
        verdict, present = verdicts.get(instance), instance in turnout.present
        why = f"it is {verdict}" if verdict else "it is leaving" if present else "it is gone"
        data = {"instance": instance, "reason": why, **rule}
        text = f"gets no new connections of {last(service.key)}: {why}"
        change.event(Event(now, "balancer.removed", instance, text, data))
    if resort and not before["lastResort"]:
        text = f"no backend is healthy; all {len(eligible)} get new connections as a last resort"
        change.event(Event(now, "balancer.last_resort", last(service.key), text, rule))
