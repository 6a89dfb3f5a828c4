"""Which frames a fault has wait, and for how long: bytes in, decision out."""

from __future__ import annotations

import ipaddress
import random
import socket
import struct
from dataclasses import dataclass
from typing import Any

from localcloud.dataplane.addresses import FORWARDED

_FORWARDED = ipaddress.IPv4Network(FORWARDED).network_address.packed[0]


@dataclass
class Rule:
    """What befalls packets of these peers. Times are real seconds; `at` is where a packet has the peer's address (offset in bytes)."""

    networks: list[tuple[int, int]]
    at: int
    delay: float
    jitter: float
    rng: random.Random
    forwarded: bool
    slow: bool
    port: int

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> Rule:
        """Return the rule that the daemon's message describes."""
        networks = [ipaddress.IPv4Network(each) for each in fields["peers"]]
        return cls(
            networks=[(int(each.netmask), int(each.network_address)) for each in networks],
            at=26 if fields["field"] == "saddr" else 30,
            delay=fields["delay"],
            jitter=fields["jitter"],
            rng=random.Random(fields["seed"]),  # noqa: S311 - to be repeatable is its purpose
            forwarded=fields["forwarded"],
            slow=fields["slow"],
            port=fields["port"],
        )

    def holds(self, frame: bytes) -> bool:
        """Return whether this frame is one that has to wait."""
        (address,) = struct.unpack_from("!I", frame, self.at)
        if not any(address & mask == network for mask, network in self.networks):
            return False
        # the other address is a forwarding rule's
        if self.forwarded and frame[56 - self.at] != _FORWARDED:
            return False
        return not self.slow or _answer(frame, self.port)

    def time(self) -> float:
        """Return how long the next one waits."""
        return max(0.0, self.delay + self.rng.uniform(-self.jitter, self.jitter))


def _answer(frame: bytes, port: int) -> bool:
    """Return whether a frame carries bytes of a TCP service, not only the connection's own business."""
    header = 14 + (frame[14] & 15) * 4
    if frame[23] != socket.IPPROTO_TCP or len(frame) < header + 20:
        return False
    (source,) = struct.unpack_from("!H", frame, header)
    (total,) = struct.unpack_from("!H", frame, 16)
    return port in {0, source} and total > header - 14 + (frame[header + 12] >> 4) * 4
