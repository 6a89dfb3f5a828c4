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
_FORWARDED_IPV6 = 0x80  # in the ninth byte, see addresses.FORWARDED_IPV6
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"


def flow(frame: bytes) -> bytes:
    """Return what a frame's flow is known by: protocol, addresses and (without IP options) ports; empty if it is not of IP."""
    if frame[12:14] == _IPV4 and len(frame) >= 38:
        return frame[23:24] + frame[26:38]
    if frame[12:14] == _IPV6 and len(frame) >= 58:
        return frame[20:21] + frame[22:58]
    return b""


@dataclass
class Rule:
    """What befalls packets of these peers. Times are real seconds.

    `at` is where a packet has the peer's address (offset in bytes), `at_ipv6` where one of IPv6 has it.
    """

    networks: list[tuple[int, int]]
    networks_ipv6: list[tuple[int, int]]
    at: int
    at_ipv6: int
    delay: float
    jitter: float
    rng: random.Random
    forwarded: bool
    slow: bool
    port: int

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> Rule:
        """Return the rule that the daemon's message describes."""
        networks = [ipaddress.ip_network(each) for each in fields["peers"]]
        four, six = (
            [(int(each.netmask), int(each.network_address)) for each in networks if each.version == version]
            for version in (4, 6)
        )
        source = fields["field"] == "saddr"
        return cls(
            networks=four,
            networks_ipv6=six,
            at=26 if source else 30,
            at_ipv6=22 if source else 38,
            delay=fields["delay"],
            jitter=fields["jitter"],
            rng=random.Random(fields["seed"]),  # noqa: S311 - to be repeatable is its purpose
            forwarded=fields["forwarded"],
            slow=fields["slow"],
            port=fields["port"],
        )

    def holds(self, frame: bytes) -> bool:
        """Return whether this frame, of a flow, is one that has to wait."""
        if frame[12:14] == _IPV6:
            return self._holds_ipv6(frame)
        (address,) = struct.unpack_from("!I", frame, self.at)
        if not any(address & mask == network for mask, network in self.networks):
            return False
        # the other address is a forwarding rule's
        if self.forwarded and frame[56 - self.at] != _FORWARDED:
            return False
        return not self.slow or _answer(frame, self.port)

    def _holds_ipv6(self, frame: bytes) -> bool:
        address = int.from_bytes(frame[self.at_ipv6 : self.at_ipv6 + 16], "big")
        if not any(address & mask == network for mask, network in self.networks_ipv6):
            return False
        if self.forwarded and not frame[60 - self.at_ipv6 + 8] & _FORWARDED_IPV6:
            return False
        return not self.slow or _answer_ipv6(frame, self.port)

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


def _answer_ipv6(frame: bytes, port: int) -> bool:
    if frame[20] != socket.IPPROTO_TCP or len(frame) < 74:
        return False
    (source,) = struct.unpack_from("!H", frame, 54)
    (payload,) = struct.unpack_from("!H", frame, 18)
    return port in {0, source} and payload > (frame[66] >> 4) * 4
