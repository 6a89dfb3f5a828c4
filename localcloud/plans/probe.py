"""A probe to be sent, and what came back. All times are cloud seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Protocol = Literal["TCP", "SSL", "HTTP", "HTTPS", "HTTP2", "GRPC", "GRPC_WITH_TLS"]
Consumer = Literal["autohealing", "balancer"]
Outcome = Literal[
    "success", "failure", "timeout"
]  # failure: reachable but wrong answer; timeout: unreachable or no answer in time

NO_WEIGHT, INVALID_WEIGHT = -1, -2  # in place of a weight: the answer asked for none, or for what is none

PROBERS = 5  # that probe each endpoint; Google has "5 to 10". An odd number has a majority, and as many see a death early as late
MOST_PROBERS = 10


@dataclass(frozen=True, kw_only=True)
class ProbeSpec:
    """One endpoint that one consumer's health check watches: every prober for itself, start to start every `interval`.

    `consumer` chooses the source address family (autohealing 130.211.0.0/22, balancer 209.85.152.0/22). `address` is where the
    probe is sent: the instance's own for autohealing, the forwarding rule's for the balancer, then routed to `instance`.
    """

    id: str  # unique and stable: "<consumer>|<instance name>|<forwarding rule or group path>"
    consumer: Consumer
    instance: str
    instance_address: str
    address: str
    protocol: Protocol
    port: int
    interval: float
    timeout: float
    path: str = "/"
    host: str = ""
    request: str = ""
    response: str = ""
    proxy_header: Literal["NONE", "PROXY_V1"] = "NONE"
    grpc_service: str = ""
    enough: int = 10  # successes in a row after which a prober's next one changes nothing


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """The outcome of one probe: when it was sent, when its outcome was known, and why in words.

    `prober`: who sent it, of `probers` that probe this endpoint, counted from 0.
    """

    id: str
    sent_at: float
    ended_at: float
    outcome: Outcome
    detail: str
    weight: int = NO_WEIGHT  # what a success asked for by X-Load-Balancing-Endpoint-Weight
    prober: int = 0
    probers: int = 1
