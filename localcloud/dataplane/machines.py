"""The daemon's side of machines: asks the worker for namespaces and processes, and ends what is left of a machine by its namespace."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
from typing import TYPE_CHECKING

from localcloud.dataplane import wire
from localcloud.dataplane.addresses import bridge_name, link_name
from localcloud.dataplane.holding import WorldError, ended
from localcloud.dataplane.namespaces import namespace_inode
from localcloud.plans.world import Command, Spawned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from localcloud.dataplane.helpers import Worker
    from localcloud.home import Home
    from localcloud.plans.network import NetworkInterface

_SWEEPS = 50


class MachineNamespaces:
    """Machines' processes and network namespaces. Their identities are in `run/machines/`, so that a later daemon can end them."""

    def __init__(self, home: Home, worker: Worker, *, ipv6: bool) -> None:
        """`ipv6`: whether machines get their IPv6 addresses."""
        self._worker, self._ipv6 = worker, ipv6
        self._records = home.run / "machines"

    async def spawn(
        self,
        interface: NetworkInterface,
        gateway: str,
        prefix_length: int,
        command: Command,
        listeners: Sequence[tuple[str, int]],
        *,
        faults: Sequence[tuple[str, str]] = (),
    ) -> Spawned:
        """Start the command in a namespace of its own, with these faults from the first packet on (scripts: router's, machine's).

        Raises WorldError with the step that failed.
        """
        if not 0 < prefix_length <= 32:
            msg = f"{interface.instance}: prefix length {prefix_length} must be within 1 and 32"
            raise WorldError(msg)
        if self._record(
            interface.instance
        ).exists():  # an earlier daemon was killed while it began or removed one
            await self.remove(interface.instance, 0)
        self._records.mkdir(exist_ok=True)
        numbers = list(command.fds)
        request = {
            "do": "spawn",
            "instance": interface.instance,
            "subnetwork": interface.subnetwork,
            "address": interface.address,
            "address_ipv6": interface.address_ipv6 if self._ipv6 else "",
            "google_apis": interface.google_apis,
            "mtu": interface.mtu,
            "gateway": gateway,
            "listeners": [list(each) for each in listeners],
            "argv": list(command.argv),
            "env": dict(command.env),
            "folders": dict(command.folders),
            "group": command.group,
            "counts": dict(command.counts),
            "fds": {str(number): index for index, number in enumerate(numbers)},
            "faults": [list(each) for each in faults],
            "record": str(self._record(interface.instance)),
            "noted": {"instance": interface.instance, "google_apis": interface.google_apis},
        }
        try:
            answer, received = await self._worker.call(request, [command.fds[number] for number in numbers])
        except (wire.HelperError, WorldError) as error:
            await self.remove(interface.instance, 0)
            if isinstance(error, WorldError):  # the worker died: it may have begun
                raise
            if re.search(f"{bridge_name(interface.subnetwork)}.*does not exist", str(error)):
                msg = f"{interface.instance}: subnetwork {interface.subnetwork} is not in the network plan applied last; apply it first"
                raise WorldError(msg) from error
            msg = f"{interface.instance}: {error}"
            raise WorldError(msg) from error
        return Spawned(
            pid=answer["pid"], listeners=tuple(socket.socket(fileno=descriptor) for descriptor in received)
        )

    async def listen(self, pid: int, listeners: Sequence[tuple[str, int]]) -> tuple[socket.socket, ...]:
        """Make listeners in a living machine's namespace. Raises WorldError."""
        request = {"do": "listen", "pid": pid, "address": "", "listeners": [list(each) for each in listeners]}
        _, received = await self._worker.call(request)
        return tuple(socket.socket(fileno=descriptor) for descriptor in received)

    async def set_local_addresses(self, pid: int, addresses: tuple[str, ...]) -> None:
        """Make exactly these forwarding rules' addresses local to the machine."""
        ours = [each for each in addresses if self._ipv6 or ":" not in each]
        await self._worker.call({"do": "local_addresses", "pid": pid, "addresses": ours})

    async def set_google_apis(self, instance: str, *, reached: bool) -> bool:
        """Have a living machine reach Google's APIs or not; return False if no machine of this name lives. Raises WorldError."""
        pid = self.pid_of(instance)
        if pid is None:
            return False
        record = json.loads(self._record(instance).read_text(encoding="utf-8"))
        if record.get("google_apis", True) == reached:
            return True
        try:
            await self._worker.call({"do": "google_apis", "pid": pid, "reached": reached})
        except wire.HelperError as error:
            if self.pid_of(instance) is None:  # it died meanwhile
                return False
            msg = f"{instance}: {error}"
            raise WorldError(msg) from error
        if self.pid_of(instance) != pid:
            return False
        draft = self._record(instance).with_suffix(".new")
        draft.write_text(json.dumps({**record, "google_apis": reached}), encoding="utf-8")
        draft.rename(self._record(instance))
        return True

    async def remove(self, instance: str, pid: int) -> None:
        """Kill every process in the machine's network namespace and remove its link; harmless when nothing is left."""
        link = link_name(instance)
        exists = any(each["ifname"] == link for each in await self._worker.ip_show("link", "show"))
        if exists:
            # while the link exists its other end does, so the recorded namespace cannot be another by now
            netns = self._recorded(instance) or namespace_inode(pid, "net")
            if netns is not None:
                await _kill_all(netns)
            await self._worker.ip([f"link delete {link}"], may_fail=True)
        self._record(instance).unlink(missing_ok=True)

    def pid_of(self, instance: str) -> int | None:
        """Return the process of a living machine, whoever started it; None if there is none."""
        try:
            record = json.loads(self._record(instance).read_text(encoding="utf-8"))
            pid = int(record["pid"])
        except (OSError, ValueError, KeyError):
            return None
        return pid if namespace_inode(pid, "net") == record["netns"] else None

    def names(self) -> set[str]:
        """Return the instances that have or had a machine here, whoever started it."""
        found = set()
        for file in self._records.glob("*.json"):
            with contextlib.suppress(OSError, ValueError, KeyError):
                found.add(str(json.loads(file.read_text(encoding="utf-8"))["instance"]))
        return found

    def _record(self, instance: str) -> Path:
        return self._records / f"{link_name(instance)}.json"

    def _recorded(self, instance: str) -> int | None:
        try:
            return int(json.loads(self._record(instance).read_text(encoding="utf-8"))["netns"])
        except (OSError, ValueError):
            return None


def _inhabitants(netns: int) -> Iterator[int]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and namespace_inode(entry.name, "net") == netns:
            yield int(entry.name)


def _kill(pids: Iterable[int], netns: int, stack: contextlib.ExitStack) -> Iterator[int]:
    """Kill those processes that are in a namespace; yield their pidfds, which the stack closes."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            stack.callback(os.close, descriptor)
            if namespace_inode(pid, "net") == netns:  # the descriptor is of the process that was looked at
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                yield descriptor


async def _kill_all(netns: int) -> None:
    if netns == namespace_inode("self", "net"):
        return  # never this machine's own
    for _ in range(_SWEEPS):
        found = list(_inhabitants(netns))
        if not found:
            return
        with contextlib.ExitStack() as stack:
            # their ends take what a busy machine and their memory make them take; and they may have been forking
            for descriptor in list(_kill(found, netns, stack)):
                await ended(descriptor, f"a process in network namespace {netns}")
    msg = f"processes in network namespace {netns} are not to be killed"
    raise WorldError(msg)
