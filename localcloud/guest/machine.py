"""One booted instance as the daemon holds it: its record, its listeners, and the end of it."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from localcloud.guest import processes, root_system, session
from localcloud.guest.disk import METADATA_ADDRESS
from localcloud.guest.init import wire
from localcloud.guest.listener import App, Listener
from localcloud.guest.metadata import MetadataServer
from localcloud.guest.resolver import PORT, Resolver
from localcloud.guest.shares import Allowance
from localcloud.guest.system import System
from localcloud.plans.machine import MachineView
from localcloud.plans.network import GOOGLE_ADDRESS

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

    from localcloud.guest.instance_group import InstanceGroup
    from localcloud.guest.metadata_source import MetadataSource
    from localcloud.guest.record import Record
    from localcloud.guest.shares import Shares

LISTENERS = ((METADATA_ADDRESS, 80), (GOOGLE_ADDRESS, 443), (GOOGLE_ADDRESS, 80), (METADATA_ADDRESS, PORT))
LIFECYCLE = "lifecycle"
_LIFECYCLE_TAIL = 64  # bytes that are looked at; the guest writes the file
_CREDENTIALS = struct.Struct("iII")  # process, user, group


class Machine:
    """Serves the instance's addresses of Google's and knows when its init has ended."""

    def __init__(
        self,
        record: Record,
        folder: Path,
        source: MetadataSource,
        shares: Shares,
        group: InstanceGroup | None,
    ) -> None:
        self.record, self.folder, self.source, self.group = record, folder, source, group
        self._shares = shares
        self.booted = False
        self.ended = asyncio.Event()
        self.thaw: asyncio.Task[None] | None = None
        self._listeners: list[Listener | Resolver] = []
        self._handle = -1
        self._told: Callable[[], None] | None = None
        self._silencing: asyncio.Future[None] | None = None

    def serve(self, sockets: tuple[socket.socket, ...], google_api: App, tls: ssl.SSLContext) -> None:
        """Answer on sockets made in the instance's network namespace, in the order of `LISTENERS`."""
        system = System.chosen(self.folder)
        if system is not None and system.packages:
            from localcloud.guest.packages import Packages  # noqa: PLC0415 - few clouds have them

            google_api = Packages(system.packages, root_system.cache() / "packages", google_api)
        allowance = Allowance(self._shares)
        metadata, google = Listener(MetadataServer(self.source), allowance), Listener(google_api, allowance)
        resolver = Resolver(self.source.names(), allowance)
        self._listeners = [metadata, google, resolver]
        self._shares.machines += 1
        metadata.serve(sockets[0])
        google.serve(sockets[1], tls)
        google.serve(sockets[2])
        resolver.serve(sockets[3])

    def watch(self, told: Callable[[], None]) -> None:
        """Notice the end of the init from now on, and call `told` when it comes."""
        self._told = told
        try:
            self._handle = os.pidfd_open(self.record.init.pid)
        except ProcessLookupError:
            self._over()
            return
        if not self.record.init.alive():
            self._over()
            return
        asyncio.get_running_loop().add_reader(self._handle, self._over)

    async def close(self) -> None:
        """Stop serving and watching; the instance's processes are not touched."""
        if self.thaw is not None:
            self.thaw.cancel()
        self._release()
        await self.silence()

    async def silence(self) -> None:
        """Stop serving. The listeners keep the network namespace, and with it answers (refusals) of an instance that is dead."""
        listeners, self._listeners = self._listeners, []
        self._shares.machines -= 1 if listeners else 0
        for listener in listeners:
            await listener.close()

    def state(self) -> Literal["starting", "running", "suspended", "exited", "crashed"]:
        """Return what the instance is doing."""
        if self.record.init.alive():
            if self.record.suspended:
                return "suspended"
            return "running" if self.booted else "starting"
        return "exited" if self._powered_off() else "crashed"

    def say(self, words: str) -> None:
        """Write a line to the serial port, as the machine's kernel would."""
        with (self.folder / "serial.log").open("ab") as port:
            port.write(f"kernel: {words}\r\n".encode())

    def view(self, snapshot: Callable[[], processes.Snapshot]) -> MachineView:
        """Return what is observed of it. `snapshot`: looks at this host's processes, if there is a need to."""
        used = self.group.cpu_seconds() if self.group is not None else None
        if used is None:
            used = processes.cpu_seconds(snapshot().tree(self.record.init))
        used = max(self.record.cpu_seconds, used)
        self.record = replace(self.record, cpu_seconds=used)
        return self.glance()

    def glance(self) -> MachineView:
        """Return what is seen of it without measuring anything."""
        return MachineView(
            id=self.record.spec.id,
            state=self.state(),
            booted_at=self.record.booted_at,
            pid=self.record.init.pid,
            cpu_seconds=self.record.cpu_seconds,
        )

    def _powered_off(self) -> bool:
        try:
            with (self.folder / LIFECYCLE).open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - _LIFECYCLE_TAIL))
                return file.read().endswith(b"poweroff\n")
        except FileNotFoundError:
            return False

    def _over(self) -> None:
        self.ended.set()
        self._release()
        self._silencing = asyncio.ensure_future(self.silence())
        if self._told is not None:
            self._told()

    def _release(self) -> None:
        if self._handle >= 0:
            asyncio.get_running_loop().remove_reader(self._handle)
            os.close(self._handle)
            self._handle = -1


async def converse(folder: Path, kind: bytes) -> int:
    """Send the init one frame and wait for its READY; returns the init's process number, as the kernel tells it.

    Whom the kernel names cannot be mistaken or missed: a process that is looked for among others' children can be.

    Raises:
        SessionError: there is no init, or it went away, or answered something else.
    """
    loop = asyncio.get_running_loop()
    with session.connect(folder) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        connection.setblocking(False)
        reader = wire.FrameReader()
        try:
            await loop.sock_sendall(connection, wire.frame(kind))
            while True:
                data, pid = await _receive(connection)
                if not data:
                    break
                for answer, _ in reader.feed(data):
                    if answer == wire.READY:
                        return pid
        except (OSError, wire.ProtocolError) as error:
            msg = f"instance {folder.name} broke off: {error}"
            raise session.SessionError(msg) from None
    msg = f"instance {folder.name}: its init ended"
    raise session.SessionError(msg)


async def _receive(connection: socket.socket) -> tuple[bytes, int]:
    """Return bytes that have come, and the number of the process that sent them; no bytes: it has hung up."""
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    loop.add_reader(connection, arrived.set)
    try:
        await arrived.wait()
    finally:
        loop.remove_reader(connection)
    data, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))  # what has come
    for level, kind, payload in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            return data, int(_CREDENTIALS.unpack(payload)[0])
    return data, 0
