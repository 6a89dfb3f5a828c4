"""A fault on an instance's link, as the data plane is to inflict it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# Who is at the other end and is no instance. "client": whoever comes through the door.
PEERS = frozenset({"client", "prober", "prober:autohealing", "prober:balancer", "metadata"})


@dataclass(frozen=True, kw_only=True)
class LinkFault:
    """What befalls packets between one instance and its peers (of `PEERS`, or ranges), in both directions.

    "loss" loses a `share` of them (1: all, a partition), `burst` in a row on average; which ones is decided by the seed and the
    packet's number, so the same seed loses the same packets again. "delay" holds each for `delay` cloud seconds, give or take
    `jitter`, in order. "slow" holds only what the instance's service on TCP `port` answers (0: any), not the handshake: it is reached
    at once and answers late. `forwarded`: only what is addressed to a forwarding rule, or answered from its address.
    """

    name: str
    instance: str
    kind: Literal["loss", "delay", "slow"]
    peers: tuple[str, ...]
    share: float = 1.0
    burst: float = 1.0
    seed: int = 0
    delay: float = 0.0
    jitter: float = 0.0
    port: int = 0
    forwarded: bool = False
