"""What the data plane offers to whoever runs machines, and what it takes from the controllers."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from localcloud.plans.balancer import BalancerPlan
    from localcloud.plans.network import NetworkInterface, NetworkPlan
    from localcloud.plans.probe import ProbeResult, ProbeSpec


@dataclass(frozen=True, kw_only=True)
class Command:
    """A process to start in a new network namespace. `fds`: number it will have there -> our descriptor.

    With `folders` (name -> path) it is the machines' own user, who finds them at /mnt/NAME; without, it is the world's root, without
    power over its link. `group`: the folder of the control group that it is to be in; that of the world, unless said.
    `counts`: the most that it and all it begets may have of what the kernel counts of a user (`kernel_counts`).
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    fds: Mapping[int, int] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Spawned:
    """A started process. `pid` in the host's numbering; `listeners` in the order asked for, made in its network namespace."""

    pid: int
    listeners: tuple[socket.socket, ...]


class MachineHost(Protocol):
    """Starts processes that each have a network namespace with one interface in their subnetwork."""

    @property
    def machine_user(self) -> int | None:
        """The host's number for the user that machines are to run as; None: the daemon's own."""
        ...

    async def spawn(
        self,
        interface: NetworkInterface,
        gateway: str,
        prefix_length: int,
        command: Command,
        listeners: Sequence[tuple[str, int]],
    ) -> Spawned:
        """Make the namespace (lo up, eth0 up, default route), listen in it, then execute the command in it.

        Listeners are (address, port) pairs, for TCP but for port 53, a name server's; addresses that are not the machine's own are
        put on its lo. The command is left no power over its link, and outlives the caller.
        """
        ...

    async def listen(self, pid: int, listeners: Sequence[tuple[str, int]]) -> tuple[socket.socket, ...]:
        """Make the listeners again in a living machine's namespace (after the daemon came back)."""
        ...

    async def set_local_addresses(self, pid: int, addresses: tuple[str, ...]) -> None:
        """Make exactly these forwarding rules' addresses local to the machine (on its lo, /32)."""
        ...

    async def remove(self, instance: str, pid: int) -> None:
        """Kill what is left of the machine and remove its interface."""
        ...

    async def remove_others(self, known: frozenset[str]) -> None:
        """Remove every machine whose instance is not known: those that somebody was killed in the midst of making or removing."""
        ...


class Fabric(Protocol):
    """The network, balancer and probers as the controllers use them. Each call makes reality agree with the plan, and is idempotent."""

    async def apply_network(self, plan: NetworkPlan) -> None:
        """Bridges, gateways, firewall rules."""
        ...

    async def apply_balancer(self, plan: BalancerPlan) -> None:
        """Forwarding: tables, addresses, doors."""
        ...

    async def apply_probes(self, probes: frozenset[ProbeSpec], report: Callable[[ProbeResult], None]) -> None:
        """Probe exactly these from now on; unchanged ones keep their phase. Every result is reported once, in order per probe."""
        ...
