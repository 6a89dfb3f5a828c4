"""LB: the balancer."""

from __future__ import annotations

from tests.policies.cases.case import Case, internal, unlink
from tests.policies.engine import UNKNOWN
from tests.policies.stacks import service

CASES = [
    Case(
        "LB01",
        "be",
        (
            (lambda s: (s.but("be", healthChecks=None), unlink("be", "healthChecks")(s)), "no health check"),
            (lambda s: s.add(service("be", "ah", ["mig"])), "health check 'ah' is global"),
            (
                lambda s: s.add(service("be", "", ["mig"], link="projects/p/global/healthChecks/x")),
                "is global",
            ),
            (lambda s: s.but("be", healthChecks=["a", "b"]), "2 health checks, required exactly 1"),
        ),
        unlink("be", "healthChecks"),
        internal,
    ),
    Case(
        "LB02",
        "be",
        (
            (internal, "loadBalancingScheme INTERNAL, required EXTERNAL"),
            (lambda s: s.but("be", loadBalancingScheme=None), "loadBalancingScheme INTERNAL"),
            (lambda s: s.but("be", protocol=None), "protocol unset"),
            (lambda s: s.but("be", protocol="HTTP"), "protocol HTTP, required TCP, UDP or UNSPECIFIED"),
            (
                lambda s: s.but("be", protocol="UDP"),
                "forwarding rule 'fr' has ipProtocol TCP, backend service 'be' has protocol UDP",
            ),
            (lambda s: s.but("fr", ipProtocol="L3_DEFAULT"), "ipProtocol L3_DEFAULT"),
        ),
        lambda s: s.but("be", protocol=UNKNOWN),
    ),
    Case(
        "LB03",
        "be",
        (
            (
                lambda s: s["be"].inputs["backends"][0].pop("balancingMode"),
                "unset (the default is UTILIZATION), required CONNECTION",
            ),
            (lambda s: s["be"].inputs["backends"][0].update(balancingMode="RATE"), "balancingMode RATE"),
        ),
        lambda s: s["be"].inputs["backends"][0].update(balancingMode=UNKNOWN),
        internal,
    ),
    Case(
        "LB04",
        "be",
        (
            (
                lambda s: s.but("be", connectionDrainingTimeoutSec=29),
                "connectionDrainingTimeoutSec 29, required 30 to 3600",
            ),
            (lambda s: s.but("be", connectionDrainingTimeoutSec=None), "connectionDrainingTimeoutSec unset"),
        ),
        lambda s: s.but("be", connectionDrainingTimeoutSec=UNKNOWN),
        internal,
        {"drainSeconds": 30},
    ),
    Case(
        "LB05",
        "be",
        (
            (
                lambda s: s.but(
                    "be",
                    connectionTrackingPolicy={"connectionPersistenceOnUnhealthyBackends": "ALWAYS_PERSIST"},
                ),
                "ALWAYS_PERSIST",
            ),
            (lambda s: s.but("be", failoverPolicy=None), "dropTrafficIfUnhealthy unset"),
        ),
        lambda s: s.but("be", failoverPolicy=UNKNOWN),
        internal,
    ),
    Case(
        "LB06",
        "fr",
        (
            (lambda s: s.but("fr", ports=None, allPorts=True), "allPorts true"),
            (lambda s: s.but("fr", ports=["8080", "22"]), "forwards port 22, required only 80, 443, 8080"),
            (lambda s: s.but("fr", ports=None, portRange="8080-8081"), "forwards port 8081"),
            (lambda s: s.but("fr", ports=None), "no port named"),
        ),
        lambda s: s.but("fr", ports=[UNKNOWN]),
        lambda s: s.but("fr", loadBalancingScheme="INTERNAL"),
    ),
    Case(
        "LB07",
        "mig",
        ((lambda s: s.but("be", backends=[]), "a backend of no backend service"),),
        unlink("be", "backends"),
    ),
    Case(
        "LB08",
        "be",
        ((lambda s: s.but("be", logConfig=None), "logConfig.enable false"),),
        lambda s: s.but("be", logConfig={"enable": UNKNOWN}),
    ),
]
