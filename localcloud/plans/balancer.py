"""The load balancer as it should be: forwarding rules and the backends that may get new connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Affinity = Literal["NONE", "CLIENT_IP", "CLIENT_IP_PROTO", "CLIENT_IP_PORT_PROTO", "CLIENT_IP_NO_DESTINATION"]
Persistence = Literal["all", "tcp", "none"]


@dataclass(frozen=True, kw_only=True)
class Backend:
    """An instance behind a backend service. `eligible`: gets new connections, in the proportion of its `weight` (0: none).

    `keeps` says what becomes of the connections of one that is not eligible: "always" while it is drained, "never" once it has been
    failed over from without draining, "unhealthy" what the service's `persistence` says.
    """

    instance: str
    address: str
    eligible: bool
    weight: int = 1
    address_ipv6: str = ""  # where an IPv6 rule's packets go
    keeps: Literal["always", "never", "unhealthy"] = "unhealthy"


@dataclass(frozen=True, kw_only=True)
class VirtualService:
    """One forwarding rule with its backends.

    `address` is an IPv4 address, or a range of IPv6 ones. `ports` are inclusive ranges; empty means all ports. Eligibility already
    holds the last-resort rule (no healthy backend: all are eligible), so an empty set of eligible backends means drop. `tracking`
    PER_SESSION sends new connections of an affinity's client where the last one went, for 60 s. `persistence`: the protocols whose
    connections stay on an unhealthy backend. With `sources`, ranges of addresses, the rule takes what comes from there away from the one
    that has the same address, protocol and ports and no sources; the most specific range decides.
    """

    key: str  # the forwarding rule's relative name
    backend_service: str
    address: str
    protocol: Literal["TCP", "UDP", "L3_DEFAULT"]
    ports: tuple[tuple[int, int], ...]
    backends: tuple[Backend, ...]
    affinity: Affinity = "NONE"
    tracking: Literal["PER_CONNECTION", "PER_SESSION"] = "PER_CONNECTION"
    persistence: Persistence = "tcp"
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BalancerPlan:
    """All forwarding rules."""

    services: tuple[VirtualService, ...] = ()
