"""A machine to be run, and what is seen of it: the border between the controllers and whatever runs instances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from localcloud.plans.network import NetworkInterface

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, kw_only=True)
class AttachedDisk:
    """A disk beside the boot disk: by its own numeric id, and the device name that the guest knows it by."""

    id: str
    device: str
    read_only: bool = False


@dataclass(frozen=True, kw_only=True)
class MachineSpec:
    """An instance as its host sees it. `key` is the instance's key in the store; `vcpus` what its machine type is allotted.

    `burst_vcpus`: what it may use while nobody else wants it, where that is more. `boot_disk`: numeric id of a boot disk that may have been
    another machine's before; empty: a new one.
    """

    key: str
    name: str
    id: str  # numeric, new at every recreation
    zone: str
    interface: NetworkInterface
    gateway: str
    forwarded_addresses: tuple[str, ...]
    memory_mib: int
    vcpus: float
    boot_disk: str = ""
    disks: tuple[AttachedDisk, ...] = ()
    burst_vcpus: float = 0.0


@dataclass(frozen=True, kw_only=True)
class MachineView:
    """What is observed of a machine.

    `suspended`: it was asked to pause; `exited`: the guest powered itself off; `crashed`: its processes are gone unasked.
    """

    id: str
    state: Literal["starting", "running", "suspended", "exited", "crashed"]
    booted_at: float
    pid: int  # of the sandbox, in the host's numbering
    cpu_seconds: float  # real CPU time used since boot, all processes of the instance


class Machines(Protocol):
    """Runs instances. Implemented by the sandboxes live, and by a simulation in tests."""

    async def start(self, spec: MachineSpec) -> None:
        """Boot this machine, or let a suspended one go on; returns when its init runs. Starting one that runs already is nothing."""
        ...

    async def stop(self, machine_id: str, *, grace: float) -> None:
        """Shut down (shutdown script, at most `grace` cloud seconds), then remove all of it but its folder."""
        ...

    async def suspend(self, machine_id: str) -> None:
        """Pause all of its processes, which keep their memory, until it is started. One that is not there, or not up, stays so."""
        ...

    async def forget(self, machine_id: str) -> None:
        """Remove the folder of a stopped machine."""
        ...

    async def detach(self, machine_id: str, boot_disk: str) -> None:
        """Take the boot disk out of the folder of a stopped machine, to be kept under this id. Nothing to take is nothing to do."""
        ...

    async def forget_disk(self, disk_id: str) -> None:
        """Remove what a disk holds that no machine has."""
        ...

    def disks(self) -> frozenset[str]:
        """Return the ids of the disks that something is kept of, outside of machines' own folders."""
        ...

    def observe(self) -> Mapping[str, MachineView]:
        """Return every machine that exists, by id."""
        ...

    def look_at(self, machine_id: str) -> MachineView | None:
        """Return one machine if it exists, as `observe` would, but for its CPU time, which may be what was observed last."""
        ...

    async def forwarded(self, machine_id: str, addresses: tuple[str, ...]) -> None:
        """Set the forwarding rules' addresses that this machine answers to."""
        ...

    async def crash(self, machine_id: str) -> None:
        """Kill all its processes at once, as a kernel panic would; it stays, silent."""
        ...

    async def hang(self, machine_id: str, seconds: float) -> None:
        """Stop all its processes for this many cloud seconds, then let them go on."""
        ...


@runtime_checkable
class TellingMachines(Machines, Protocol):
    """Machines that tell when what `observe` answers has changed, so that nobody needs to look often."""

    def watch(self, changed: Callable[[str], None]) -> None:
        """Call `changed(machine id)` from now on whenever a machine's state changed or the machine is gone."""
        ...
