"""Regional backend services of external passthrough load balancers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.api import errors
from localcloud.api.compute.collection import Collection, Link

if TYPE_CHECKING:
    from localcloud.api.compute.draft import Draft

_PROTOCOLS = frozenset({"TCP", "UDP", "UNSPECIFIED"})
_AFFINITIES = frozenset({"NONE", "CLIENT_IP", "CLIENT_IP_PROTO", "CLIENT_IP_PORT_PROTO"})
_LOCALITIES = frozenset({"MAGLEV", "WEIGHTED_MAGLEV"})
_IDLE_SECONDS = 60  # after which a connection without a packet is forgotten
# A passthrough balancer has no use for these; Google refuses them for an external regional service.
_PROXY_ONLY = (
    "capacityScaler",
    "maxRate",
    "maxRatePerInstance",
    "maxUtilization",
    "maxConnections",
    "maxConnectionsPerInstance",
)


def _complete(draft: Draft) -> None:
    document = draft.document
    draft.default("loadBalancingScheme", "EXTERNAL")
    if document["loadBalancingScheme"] != "EXTERNAL":
        rule = "The local cloud balances external passthrough traffic only: use EXTERNAL."
        raise draft.refuse("loadBalancingScheme", rule)
    draft.default("protocol", "TCP")
    if document["protocol"] not in _PROTOCOLS:
        rule = f"Protocol must be one of {', '.join(sorted(_PROTOCOLS))} for an EXTERNAL regional backend service."
        raise draft.refuse("protocol", rule)
    draft.default("sessionAffinity", "NONE")
    if document["sessionAffinity"] not in _AFFINITIES:
        rule = f"Session affinity must be one of {', '.join(sorted(_AFFINITIES))} for an EXTERNAL regional backend service."
        raise draft.refuse("sessionAffinity", rule)
    draft.default("timeoutSec", 30)
    draft.default("connectionDraining.drainingTimeoutSec", 0)
    draft.bounds("connectionDraining.drainingTimeoutSec", 0, 3600)
    draft.default("logConfig.enable", False)
    _tracking(draft)
    _health_check(draft)
    _backends(draft)
    ratio = draft.get("failoverPolicy.failoverRatio")
    if ratio is not None and not 0 <= ratio <= 1:
        raise draft.refuse("failoverPolicy.failoverRatio", "Must be between 0 and 1.")
    if document.get("localityLbPolicy", "MAGLEV") not in _LOCALITIES:
        rule = f"Must be one of {', '.join(sorted(_LOCALITIES))} for an EXTERNAL regional backend service."
        raise draft.refuse("localityLbPolicy", rule)


def _tracking(draft: Draft) -> None:
    """Refuse what Google's table of persistence and tracking modes has as not possible, and what an EXTERNAL service cannot set."""
    where = "connectionTrackingPolicy"
    persistence = f"{where}.connectionPersistenceOnUnhealthyBackends"
    if draft.get(persistence) == "ALWAYS_PERSIST" and draft.get(f"{where}.trackingMode") == "PER_SESSION":
        raise draft.refuse(
            persistence, "Cannot be combined with trackingMode PER_SESSION: use PER_CONNECTION."
        )
    if draft.get(f"{where}.idleTimeoutSec") not in (None, _IDLE_SECONDS):
        rule = f"Is {_IDLE_SECONDS} for an EXTERNAL regional backend service, and cannot be changed: leave it out."
        raise draft.refuse(f"{where}.idleTimeoutSec", rule)
    if draft.get(f"{where}.enableStrongAffinity"):
        raise draft.refuse(f"{where}.enableStrongAffinity", "Is not available publicly: leave it out.")


def _health_check(draft: Draft) -> None:
    checks = draft.get("healthChecks") or []
    if len(checks) > 1:
        raise draft.refuse("healthChecks", "Exactly one health check can be specified.")
    if draft.get("backends") and not checks:
        raise errors.required("resource.healthChecks")
    for check in checks:
        if "/global/" in check:
            rule = "An EXTERNAL regional backend service takes a regional health check of its own region."
            raise errors.invalid("resource.healthChecks[0]", check, rule)
        if f"/regions/{draft.location}/" not in check:
            rule = f"The health check must be in region {draft.location}."
            raise errors.invalid("resource.healthChecks[0]", check, rule)


def _backends(draft: Draft) -> None:
    seen = set()
    for index, backend in enumerate(draft.get("backends") or []):
        where = f"resource.backends[{index}]"
        if "group" not in backend:
            raise errors.required(f"{where}.group")
        if backend["group"] in seen:
            raise errors.invalid(
                f"{where}.group", backend["group"], "Duplicate backend groups in the backend service."
            )
        seen.add(backend["group"])
        mode = backend.setdefault("balancingMode", "CONNECTION")
        if mode != "CONNECTION":
            rule = "Balancing mode must be CONNECTION for an EXTERNAL backend service."
            raise errors.invalid(f"{where}.balancingMode", mode, rule)
        for name in _PROXY_ONLY:
            if backend.get(name):
                rule = "Cannot be set for a backend of a passthrough load balancer."
                raise errors.invalid(f"{where}.{name}", str(backend[name]), rule)


REGION_BACKEND_SERVICES = Collection(
    resource="regionBackendServices",
    segment="backendServices",
    scope="regions",
    parameter="backendService",
    kind="compute#backendService",
    noun="backend_service",
    schema="BackendService",
    links=(
        Link(path="backends[].group", to=("instanceGroups",)),
        Link(path="healthChecks[]", to=("healthChecks",)),
    ),
    complete=_complete,
    immutable=frozenset({"loadBalancingScheme"}),
    fingerprint="required",
)
