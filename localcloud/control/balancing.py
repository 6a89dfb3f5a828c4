"""Who gets new connections: the balancer's plan from forwarding rules, groups and verdicts. Pure over the store."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, cast

from localcloud.control import failover, handover, serving
from localcloud.plans.balancer import Affinity, Backend, BalancerPlan, Persistence, VirtualService
from localcloud.plans.probe import NO_WEIGHT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from localcloud.store import Store

Standing = Literal["well", "ill", "well backup", "ill backup", "leaving"]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An instance behind a backend service, as its eligibility sees it."""

    instance: str
    address: str
    healthy: bool
    leaving: bool
    failover: bool = False
    weight: int = 1
    address_ipv6: str = ""

    @property
    def standing(self) -> Standing:
        """Return what decides on its eligibility; failover backends are backups."""
        if self.leaving:
            return "leaving"
        if self.failover:
            return "well backup" if self.healthy else "ill backup"
        return "well" if self.healthy else "ill"


def plan(store: Store) -> BalancerPlan:
    """Return the balancer as it should be now."""
    found = []
    for rule in serving.rules(store):
        candidates = _candidates(store, rule)
        chosen = active(Counter(each.standing for each in candidates), rule.service.failover)
        draining = failover.draining(store, rule.key)
        found.append(
            service(rule, [backend(each, chosen, rule.service, draining=draining) for each in candidates])
        )
    return BalancerPlan(services=tuple(found))


def service(rule: serving.Rule, backends: Iterable[Backend]) -> VirtualService:
    """Return a forwarding rule with its backends as the data plane is to have it.

    One of those that get new connections that asks for no weight, or for none that is valid, makes all equal.
    """
    listed = tuple(backends)
    if rule.service.weighted:
        equal = any(each.eligible and each.weight < 0 for each in listed)
        listed = tuple(replace(each, weight=1) if equal or each.weight < 0 else each for each in listed)
    return VirtualService(
        key=rule.key,
        backend_service=rule.service.key,
        address=rule.address,
        protocol=cast("Literal['TCP', 'UDP', 'L3_DEFAULT']", rule.protocol),
        ports=rule.ports,
        backends=listed,
        affinity=cast("Affinity", rule.service.affinity),
        tracking=rule.service.tracking.get("trackingMode") or "PER_CONNECTION",
        persistence=persistence(rule.service.affinity, rule.service.tracking),
        sources=rule.sources,
    )


def backend(
    each: Candidate, chosen: frozenset[Standing], service: serving.Service, *, draining: bool
) -> Backend:
    """Return a candidate as the data plane is to have it, by who gets new connections.

    One that leaves is drained. One of the pool that is not active now is drained too, while such are (`draining`), unless the policy
    is to cut on failover.
    """
    keeps: Literal["always", "never", "unhealthy"] = "unhealthy"
    if each.leaving:
        keeps = "always"
    elif chosen and each.failover != backups_in(chosen):
        cut = service.failover.get("disableConnectionDrainOnFailover") or not draining
        keeps = "never" if cut else "always"
    return Backend(
        instance=each.instance,
        address=each.address,
        address_ipv6=each.address_ipv6,
        eligible=each.standing in chosen,
        weight=each.weight if service.weighted else 1,
        keeps=keeps,
    )


def eligible(candidates: Iterable[Candidate], failover: Mapping[str, object]) -> frozenset[str]:
    """Return the instances that may get new connections."""
    everyone = list(candidates)
    chosen = active(Counter(each.standing for each in everyone), failover)
    return frozenset(each.instance for each in everyone if each.standing in chosen)


def active(counts: Mapping[Standing, int], failover: Mapping[str, object]) -> frozenset[Standing]:
    """Return who may get new connections, by how many there are of each standing.

    Healthy ones of the active pool. Primaries are active while the healthy share of them is at least failoverRatio (0: while there is one),
    else the failover backends if one of those is healthy. None healthy anywhere: all primaries, as a last resort, unless
    dropTrafficIfUnhealthy. Instances that are leaving get nothing new.
    """
    well, primaries = counts.get("well", 0), counts.get("well", 0) + counts.get("ill", 0)
    ratio = float(cast("float", failover.get("failoverRatio") or 0.0))
    enough = well > 0 and well >= ratio * primaries
    if enough or (well and not counts.get("well backup", 0)):
        return frozenset({"well"})
    if counts.get("well backup", 0):
        return frozenset({"well backup"})
    if failover.get("dropTrafficIfUnhealthy"):
        return frozenset()
    return frozenset({"ill"}) if primaries else frozenset({"ill backup"})


def backups_in(chosen: frozenset[Standing]) -> bool:
    """Say whether it is the failover backends that get new connections."""
    return any("backup" in standing for standing in chosen)


def persistence(affinity: str, tracking: Mapping[str, object]) -> Persistence:
    """Say of which protocols connections stay on a backend that became unhealthy.

    By default TCP's do, if they are tracked per connection or by the 5-tuple; the others' never do.
    """
    wish = tracking.get("connectionPersistenceOnUnhealthyBackends") or "DEFAULT_FOR_PROTOCOL"
    if wish != "DEFAULT_FOR_PROTOCOL":
        return "all" if wish == "ALWAYS_PERSIST" else "none"
    per_connection = (tracking.get("trackingMode") or "PER_CONNECTION") == "PER_CONNECTION"
    return "tcp" if per_connection or affinity in {"NONE", "CLIENT_IP_PORT_PROTO"} else "none"


def behind(store: Store, rule: serving.Rule) -> list[tuple[str, bool, bool]]:
    """Return the groups behind a rule: name, whether it is for failover, and whether the service has turned away from it.

    A group that the service has turned away from gets nothing new, and keeps the connections it has for a while.
    """
    found = [(group, failover, False) for group, failover in rule.service.groups]
    return found + [(group, False, True) for group in handover.draining(store, rule.service.key)]


def candidate(
    store: Store, rule: serving.Rule, each: serving.Serving, *, failover: bool, turned_away: bool
) -> Candidate | None:
    """Return an instance as a rule's candidate; None if it has nothing that could take a packet."""
    if each.document["status"] not in {"RUNNING", "STOPPING"} or not each.takes_packets_of(rule):
        return None
    verdict = store.get(f"control/backends/{rule.service.key}/{each.member.name}/{rule.name}") or {}
    known = str(verdict.get("instanceId")) == str(each.document["id"])
    return Candidate(
        instance=each.member.name,
        address=each.address,
        address_ipv6=each.address_ipv6 if ":" in rule.address else "",
        healthy=known and verdict.get("healthState") == "HEALTHY",
        leaving=turned_away or each.leaving or not each.running,
        failover=failover,
        weight=int(verdict.get("weight", NO_WEIGHT)) if known else NO_WEIGHT,
    )


def _candidates(store: Store, rule: serving.Rule) -> list[Candidate]:
    found = [
        candidate(store, rule, each, failover=failover, turned_away=turned_away)
        for group, failover, turned_away in behind(store, rule)
        for each in serving.serving(store, group)
    ]
    return [each for each in found if each is not None]
