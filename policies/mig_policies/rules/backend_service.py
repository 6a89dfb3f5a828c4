"""LB, the backend service for itself: how it spreads, ends and records connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mig_policies.forwarding import is_passthrough
from mig_policies.rule import (
    ADVISORY,
    LOW,
    MANDATORY,
    MEDIUM,
    Parameter,
    Parameters,
    ResourceRule,
    Stricter,
)
from mig_policies.tokens import BACKEND_SERVICES, REGION_BACKEND_SERVICE
from mig_policies.verdict import Verdict, not_applicable, passed, violated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mig_policies.resource import Resource

TRAFFIC_PAGE: Final = (
    "https://docs.cloud.google.com/load-balancing/docs/network/ext-netlb-traffic-distribution"
)
DRAINING_PAGE: Final = "https://docs.cloud.google.com/load-balancing/docs/enabling-connection-draining"
NETWORK_PAGE: Final = "https://docs.cloud.google.com/load-balancing/docs/network/networklb-backend-service"
LOGGING_PAGE: Final = "https://docs.cloud.google.com/load-balancing/docs/network/networklb-monitoring"


def _balances_connections(service: Resource, _: Parameters) -> Iterator[Verdict]:
    if not is_passthrough(service):
        yield not_applicable(f"{service.label} is not an external passthrough balancer's")
        return
    for position, backend in enumerate(service.props.blocks("backends")):
        mode = backend.text("balancingMode", None)
        if mode == "CONNECTION":
            yield passed(f"{service.label}: backend {position} balances connections")
        else:
            yield violated(
                f"{service.label}: backend {position} has balancingMode {mode or 'unset (the default is UTILIZATION)'}, "
                "required CONNECTION"
            )


def _drains(service: Resource, parameters: Parameters) -> Verdict:
    if not is_passthrough(service):
        return not_applicable(f"{service.label} is not an external passthrough balancer's")
    draining = service.props.integer("connectionDrainingTimeoutSec", None)
    least = max(1, parameters.number("drainSeconds"))
    if draining is None:
        return violated(f"{service.label}: connectionDrainingTimeoutSec unset, required {least:g} to 3600")
    if not least <= draining <= 3600:
        return violated(
            f"{service.label}: connectionDrainingTimeoutSec {draining}, required {least:g} to 3600"
        )
    return passed(f"{service.label}: connections drain for {draining} s")


def _chooses_what_unhealthy_means(service: Resource, _: Parameters) -> Iterator[Verdict]:
    if not is_passthrough(service):
        yield not_applicable(f"{service.label} is not an external passthrough balancer's")
        return
    persistence = service.props.text(
        "connectionTrackingPolicy.connectionPersistenceOnUnhealthyBackends", None
    )
    if persistence == "ALWAYS_PERSIST":
        yield violated(
            f"{service.label}: connectionPersistenceOnUnhealthyBackends ALWAYS_PERSIST, required any other; "
            "connections would stay on instances that are down"
        )
    if service.props.get("failoverPolicy.dropTrafficIfUnhealthy") is None:
        yield violated(
            f"{service.label}: failoverPolicy.dropTrafficIfUnhealthy unset, required a choice; unset, every instance gets "
            "traffic when none is healthy"
        )
    else:
        yield passed(f"{service.label}: says what happens when no instance is healthy")


def _logged(service: Resource, _: Parameters) -> Verdict:
    if service.props.flag("logConfig.enable", default=False):
        return passed(f"{service.label} logs connections")
    return violated(f"{service.label}: logConfig.enable false, required true")


LB03 = ResourceRule(
    id="LB03",
    title="Backends balance connections",
    description="Every backend of a passthrough balancer must have balancing mode CONNECTION, written out.",
    remediation="Set balancingMode to CONNECTION on each backend.",
    url=NETWORK_PAGE,
    severity=MEDIUM,
    level=MANDATORY,
    types=frozenset({REGION_BACKEND_SERVICE}),
    look=_balances_connections,
)
LB04 = ResourceRule(
    id="LB04",
    title="Connections drain",
    description="Open connections must be given time to end when an instance leaves, at least the application's own.",
    remediation="Set connectionDrainingTimeoutSec to the longest request's duration or more, and drainSeconds likewise.",
    url=DRAINING_PAGE,
    severity=MEDIUM,
    level=ADVISORY,
    types=frozenset({REGION_BACKEND_SERVICE}),
    parameters=(
        Parameter(
            name="drainSeconds",
            description="Seconds the application needs to finish what it has begun.",
            default=1,
            minimum=0,
            maximum=3600,
            stricter=Stricter.HIGHER,
        ),
    ),
    look=_drains,
)
LB05 = ResourceRule(
    id="LB05",
    title="What happens to unhealthy instances' connections is chosen",
    description="Connections should not persist on unhealthy instances, and what happens when none is healthy be chosen.",
    remediation="Avoid ALWAYS_PERSIST; set failoverPolicy.dropTrafficIfUnhealthy to true or false.",
    url=TRAFFIC_PAGE,
    severity=LOW,
    level=ADVISORY,
    types=frozenset({REGION_BACKEND_SERVICE}),
    look=_chooses_what_unhealthy_means,
)
LB08 = ResourceRule(
    id="LB08",
    title="The balancer logs",
    description="The backend service should log a sample of its connections.",
    remediation="Set logConfig.enable to true, and sampleRate to what you are ready to pay for.",
    url=LOGGING_PAGE,
    severity=LOW,
    level=ADVISORY,
    types=BACKEND_SERVICES,
    look=_logged,
)

RULES = (LB03, LB04, LB05, LB08)
