"""The load balancer as it should be: forwarding rules and the backends that may get new connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Backend:
    """An instance behind a backend service. `eligible`: gets new connections; tracked ones stay on it either way (TCP)."""

    instance: str
    address: str
    eligible: bool


@dataclass(frozen=True, kw_only=True)
class VirtualService:
    """One forwarding rule with its backends.

    `ports` are inclusive ranges; empty means all ports. Eligibility already holds the last-resort rule (no healthy backend: all
    are eligible), so an empty set of eligible backends means drop.
    """

    key: str  # the forwarding rule's relative name
    backend_service: str
    address: str
    protocol: Literal["TCP", "UDP", "L3_DEFAULT"]
    ports: tuple[tuple[int, int], ...]
    backends: tuple[Backend, ...]
    affinity: Literal["NONE", "CLIENT_IP", "CLIENT_IP_PROTO", "CLIENT_IP_PORT_PROTO"] = "NONE"
    persist_on_unhealthy: bool = True  # False: connections of an ineligible backend are cut (UDP's default)


@dataclass(frozen=True, kw_only=True)
class BalancerPlan:
    """All forwarding rules."""

    services: tuple[VirtualService, ...] = ()
