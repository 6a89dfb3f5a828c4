"""Where an affinity's clients went: what a balancer that tracks sessions remembers, in a map that the kernel fills and empties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.dataplane import family
from localcloud.dataplane.addresses import label
from localcloud.dataplane.family import IPV4, Family

if TYPE_CHECKING:
    from localcloud.plans.balancer import VirtualService

_IDLE = "60s"  # Google's, for the passthrough balancer; not settable
_MOST = 65_536  # sessions of one service


@dataclass(frozen=True)
class Session:
    """The memory of where an affinity's clients went: a map that the kernel fills by itself and forgets.

    Its keys are an affinity's fields, of IPv6 a number made of them: nft (1.0.6 for one) falls over keys of more than 16 bytes where a
    rule fills a map. Two clients with one number would share a backend: one in four thousand million pairs does.
    """

    name: str
    fields: str
    family: Family

    @property
    def key(self) -> str:
        """Return what an affinity's client is known by."""
        return self.fields if self.family is IPV4 else f"jhash {self.fields} mod 4294967295 seed 0x1"

    def declaration(self) -> str:
        """Return the line that makes the map, harmless if it is there."""
        keys = self.fields if self.family is IPV4 else "symhash mod 2"  # what nft calls a number
        kind = f"typeof {keys} : meta mark; flags dynamic,timeout; timeout {_IDLE}; size {_MOST};"
        return f"add map {self.family.name} balancer {self.name} {{ {kind} }}"

    def remember(self) -> str:
        """Return the statement by which a packet's client is remembered, or remembered for longer."""
        return f"update @{self.name} {{ {self.key} : ct mark }} "

    def replace(self) -> str:
        """Return the statements by which it is remembered that a packet's client goes to another place now: an update keeps the old one."""
        return f"delete @{self.name} {{ {self.key} : ct mark }} {self.remember()}"


def of(service: VirtualService) -> Session | None:
    """Return the sessions of a service that tracks them; with the 5-tuple, a session is a connection."""
    own = family.of(service.address)
    fields = own.tuples[service.affinity]
    if service.tracking == "PER_CONNECTION" or "th " in fields:
        return None
    return Session(f"session_{label(service.key)}_{service.affinity.lower()}", fields, own)
