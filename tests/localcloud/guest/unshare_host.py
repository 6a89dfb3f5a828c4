"""A `MachineHost` for tests of the guest alone: one user and network namespace per machine, made by unshare, without links.

As the data plane does, it leaves the machine's program no power but CAP_SETFCAP, without which the kernel lets nobody map root
into the user namespace of a sandbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.plans.world import Command, Spawned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localcloud.plans.network import NetworkInterface

_HELPER = Path(__file__).with_name("namespace_helper.py")


class UnshareHost:
    """Keeps its children's Popen objects, so that they are reaped."""

    def __init__(self) -> None:
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    async def spawn(
        self,
        interface: NetworkInterface,
        gateway: str,
        prefix_length: int,
        command: Command,
        listeners: Sequence[tuple[str, int]],
    ) -> Spawned:
        """See `MachineHost.spawn`; the gateway is nowhere, as there is no link."""
        assert gateway
        assert 0 < prefix_length <= 32
        ours, theirs = socket.socketpair()
        numbers = list(command.fds)
        high = [os.dup(command.fds[number]) for number in numbers]
        argv = [
            "unshare",
            "--user",
            "--map-root-user",
            "--net",
            sys.executable,
            str(_HELPER),
            str(theirs.fileno()),
        ]
        argv += [",".join(f"{number}:{fd}" for number, fd in zip(numbers, high, strict=True))]
        argv += [f"{address}:{port}" for address, port in (*listeners, (interface.address, 0))]
        argv += [
            "--",
            "setpriv",
            "--no-new-privs",
            "--inh-caps=-all",
            "--bounding-set=-all,+setfcap",
            "--",
            *command.argv,
        ]
        env = {"PATH": os.environ["PATH"], **command.env}
        process = await asyncio.to_thread(subprocess.Popen, argv, env=env, pass_fds=(theirs.fileno(), *high))
        self._processes[process.pid] = process
        theirs.close()
        for fd in high:
            os.close(fd)
        return Spawned(pid=process.pid, listeners=await asyncio.to_thread(_receive, ours, len(listeners)))

    async def listen(self, pid: int, listeners: Sequence[tuple[str, int]]) -> tuple[socket.socket, ...]:
        """See `MachineHost.listen`."""
        ours, theirs = socket.socketpair()
        argv = ["nsenter", "--target", str(pid), "--user", "--net", "--preserve-credentials"]
        argv += [sys.executable, str(_HELPER), str(theirs.fileno()), ""]
        argv += [f"{address}:{port}" for address, port in listeners]
        helper = await asyncio.to_thread(subprocess.Popen, [*argv, "--", "true"], pass_fds=(theirs.fileno(),))
        theirs.close()
        made = await asyncio.to_thread(_receive, ours, len(listeners))
        assert await asyncio.to_thread(helper.wait) == 0
        return made

    async def set_local_addresses(self, pid: int, addresses: tuple[str, ...]) -> None:
        """See `MachineHost.set_local_addresses`; it only ever adds."""
        for address in addresses:
            argv = ["nsenter", "--target", str(pid), "--user", "--net", "--preserve-credentials"]
            await asyncio.to_thread(
                subprocess.run, [*argv, "ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True
            )

    async def remove(self, instance: str, pid: int) -> None:
        """See `MachineHost.remove`; what is left of a machine can only be its outer process."""
        assert instance
        process = self._processes.pop(pid, None)
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await asyncio.to_thread(process.wait)


def _receive(ours: socket.socket, count: int) -> tuple[socket.socket, ...]:
    with ours:
        _, fds, _, _ = socket.recv_fds(ours, 1, count)
    assert len(fds) == count, "the namespace could not be made; see its helper's errors"
    return tuple(socket.socket(fileno=fd) for fd in fds)
