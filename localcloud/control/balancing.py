"""Who gets new connections: the balancer's plan from forwarding rules, groups and verdicts. Pure over the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from localcloud.control import handover, serving
from localcloud.plans.balancer import Backend, BalancerPlan, VirtualService

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from localcloud.store import Store

Affinity = Literal["NONE", "CLIENT_IP", "CLIENT_IP_PROTO", "CLIENT_IP_PORT_PROTO"]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An instance behind a backend service, as its eligibility sees it."""

    instance: str
    address: str
    healthy: bool
    leaving: bool
    failover: bool = False


def plan(store: Store) -> BalancerPlan:
    """Return the balancer as it should be now."""
    found = []
    for rule in serving.rules(store):
        candidates = _candidates(store, rule)
        chosen = eligible(candidates, rule.service.failover)
        found.append(
            VirtualService(
                key=rule.key,
                backend_service=rule.service.key,
                address=rule.address,
                protocol=cast("Literal['TCP', 'UDP', 'L3_DEFAULT']", rule.protocol),
                ports=rule.ports,
                backends=tuple(
                    Backend(instance=each.instance, address=each.address, eligible=each.instance in chosen)
                    for each in candidates
                ),
                affinity=cast(
                    "Affinity",
                    rule.service.affinity
                    if rule.service.affinity != "CLIENT_IP_NO_DESTINATION"
                    else "CLIENT_IP",
                ),
                persist_on_unhealthy=persists(rule.protocol, rule.service.affinity, rule.service.tracking),
            )
        )
    return BalancerPlan(services=tuple(found))


def eligible(candidates: Iterable[Candidate], failover: Mapping[str, object]) -> frozenset[str]:
    """Return the instances that may get new connections.

    Healthy ones of the active pool. Primaries are active while the healthy share of them is at least failoverRatio (0: while there is one),
    else the failover backends if one of those is healthy. None healthy anywhere: all primaries, as a last resort, unless
    dropTrafficIfUnhealthy. Instances that are leaving get nothing new.
    """
    staying = [each for each in candidates if not each.leaving]
    primaries = [each for each in staying if not each.failover]
    backups = [each for each in staying if each.failover]
    well = [each for each in primaries if each.healthy]
    well_backups = [each for each in backups if each.healthy]
    ratio = float(cast("float", failover.get("failoverRatio") or 0.0))
    enough = bool(well) and len(well) >= ratio * len(primaries)
    if enough or (well and not well_backups):
        return frozenset(each.instance for each in well)
    if well_backups:
        return frozenset(each.instance for each in well_backups)
    if failover.get("dropTrafficIfUnhealthy"):
        return frozenset()
    return frozenset(each.instance for each in primaries or backups)


def persists(protocol: str, affinity: str, tracking: Mapping[str, object]) -> bool:
    """Say whether connections stay on a backend that became unhealthy.

    By default TCP's do, if they are tracked per connection or by the 5-tuple; UDP's never do.
    """
    wish = tracking.get("connectionPersistenceOnUnhealthyBackends") or "DEFAULT_FOR_PROTOCOL"
    if wish != "DEFAULT_FOR_PROTOCOL":
        return wish == "ALWAYS_PERSIST"
    per_connection = (tracking.get("trackingMode") or "PER_CONNECTION") == "PER_CONNECTION"
    return protocol != "UDP" and (per_connection or affinity in {"NONE", "CLIENT_IP_PORT_PROTO"})


def forwarded(balancer: BalancerPlan) -> dict[str, tuple[str, ...]]:
    """Return for each instance (by name) the forwarding rules' addresses that it answers to."""
    found: dict[str, set[str]] = {}
    for service in balancer.services:
        for backend in service.backends:
            found.setdefault(backend.instance, set()).add(service.address)
    return {instance: tuple(sorted(addresses)) for instance, addresses in found.items()}


def _candidates(store: Store, rule: serving.Rule) -> list[Candidate]:
    found = []
    # A group that the service has turned away from gets nothing new, and keeps the connections it has for a while.
    behind = [(group, failover, False) for group, failover in rule.service.groups]
    behind += [(group, False, True) for group in handover.draining(store, rule.service.key)]
    for group, failover, turned_away in behind:
        for each in serving.serving(store, group):
            if each.document["status"] not in {"RUNNING", "STOPPING"}:
                continue
            verdict = store.get(f"control/backends/{rule.service.key}/{each.member.name}/{rule.name}") or {}
            known = str(verdict.get("instanceId")) == str(each.document["id"])
            found.append(
                Candidate(
                    instance=each.member.name,
                    address=each.address,
                    healthy=known and verdict.get("healthState") == "HEALTHY",
                    leaving=turned_away or each.leaving or not each.running,
                    failover=failover,
                )
            )
    return found
