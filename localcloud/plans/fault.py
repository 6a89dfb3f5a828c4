"""A fault on an instance's link, as the data plane is to inflict it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class LinkFault:
    """What befalls packets between one instance and its peers (IPv4 ranges), in both directions.

    "loss" loses a `share` of them (1: all, a partition), `burst` in a row on average; which ones is decided by the seed and the
    packet's number, so the same seed loses the same packets again. "delay" holds each for `delay` cloud seconds, give or take
    `jitter`, in order. "slow" holds only what the instance's service on TCP `port` answers (0: any), not the handshake: it is reached
    at once and answers late.
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
