"""The delayer: holds packets of links that a fault makes slow. A process of the world's, there only while such a fault is.

Unprivileged namespaces have no netem, so nftables sends the packets down a pair of links of their own; they are read from its other
end here, and sent on by the device they were leaving by. It outlives the daemon, which finds it again by its control socket.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import itertools
import os
import select
import signal
import socket
import struct
import time
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud.dataplane import delay_rule, wire
from localcloud.dataplane.callers import Callers
from localcloud.dataplane.delay_rule import Rule
from localcloud.dataplane.faults import HELD
from localcloud.dataplane.kernel import KernelRefusedError, ip_batch
from localcloud.dataplane.namespaces import CLONE_NEWNET, setns

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIOCETHTOOL, _ETHTOOL_STXCSUM = 0x8946, 0x17
_ALL_PROTOCOLS = 3
_MTU = 65_535  # as lo has it
_SO_MARK = 36
_FRAME = 1 << 17
_READS = 64
_REMEMBERED = 10_000


class _Link:
    """One device whose packets are held: a pair of links they come by, and a socket they go on by.

    `life`: of the machine whose device it is (a pidfd, now the link's to close). Once that is over the link has to go: what is open
    here would keep the machine's namespace alive, and a dead machine's kernel answering.
    """

    def __init__(self, pid: int, device: str, detour: str, life: int | None) -> None:
        self.pid, self.life = pid, life
        self._detour = detour
        with _namespace(f"/proc/{pid}/ns/net" if pid else "/proc/self/ns/net") as self._place:
            try:
                self._make(device)
            except BaseException:
                os.close(self._place)
                raise
        self.rules: list[Rule] = []
        self.latest: dict[bytes, float] = {}  # by flow, when its last packet goes on: nothing overtakes

    def _make(self, device: str) -> None:
        """Make the pair of links and the sockets, here."""
        self._unmake()
        detour, other = self._detour, _other_end(self._detour)
        ip_batch(
            [
                f"link add {detour} mtu {_MTU} type veth peer name {other} mtu {_MTU}",
                *(f"link set {each} up" for each in (detour, other)),
            ]
        )
        self.held = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # nothing until it is bound
        self.held.setblocking(False)
        self.held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self.held.bind((other, _ALL_PROTOCOLS))
        _whole_frames(self.held, detour)
        self.out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.out.setblocking(False)
        self.out.setsockopt(socket.SOL_SOCKET, _SO_MARK, HELD)
        self.out.bind((device, 0))

    def due(self, frame: bytes, now: float) -> float:
        """Return when this frame goes on."""
        flow = delay_rule.flow(frame)
        if not flow:
            return now
        wait = sum(rule.time() for rule in self.rules if rule.holds(frame))
        when = max(now + wait, self.latest.get(flow, 0.0))
        if len(self.latest) > _REMEMBERED:
            self.latest = {key: time for key, time in self.latest.items() if time > now}
        self.latest[flow] = when
        return when

    def send(self, frame: bytes) -> None:
        """Send a frame on; like any packet it may be lost."""
        with contextlib.suppress(OSError):
            self.out.send(frame)

    def close(self) -> None:
        """Give up everything; what still comes is lost."""
        self.held.close()
        self.out.close()
        with _namespace(f"/proc/self/fd/{self._place}"):
            self._unmake()
        os.close(self._place)
        if self.life is not None:
            os.close(self.life)

    def _unmake(self) -> None:
        """Remove the pair of links, ours or a predecessor's."""
        with contextlib.suppress(KernelRefusedError):
            ip_batch([f"link delete {self._detour}"])


def _other_end(detour: str) -> str:
    return "held" + detour.removeprefix("hold")


@contextlib.contextmanager
def _namespace(path: str) -> Iterator[int]:
    """Be in a network namespace for as long as the block lasts; yields a descriptor of it, which is the caller's."""
    here = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(there, CLONE_NEWNET)
        yield there
    finally:
        setns(here, CLONE_NEWNET)
        os.close(here)


def _whole_frames(sock: socket.socket, device: str) -> None:
    """Have the kernel finish checksums and cut packets to size before they are sent by this device: nobody does it after us."""
    value = array("I", [_ETHTOOL_STXCSUM, 0])
    fcntl.ioctl(sock, _SIOCETHTOOL, struct.pack("16sP", device.encode(), value.buffer_info()[0]))


class Delayer:
    """Links, what waits, and the daemon's connections, in one poller."""

    def __init__(self, control: socket.socket) -> None:
        self._poller = select.epoll()
        self._callers = Callers(control, self._poller, self._request)
        self._links: dict[str, _Link] = {}
        self._by_held: dict[int, _Link] = {}
        self._by_life: dict[int, _Link] = {}
        self._waiting: list[tuple[float, int, _Link, bytes]] = []
        self._order = itertools.count()

    def run(self) -> None:
        """Serve until no link is left and no daemon is connected."""
        while True:
            wait = max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else -1
            for descriptor, _ in self._poller.poll(wait):
                if descriptor in self._by_held:
                    self._read(self._by_held[descriptor])
                elif descriptor in self._by_life:
                    self._forget(self._by_life[descriptor])
                else:
                    self._callers.event(descriptor)
            if self._callers.gone and not self._links:
                return
            now = time.monotonic()
            while self._waiting and self._waiting[0][0] <= now:
                _, _, link, frame = heapq.heappop(self._waiting)
                link.send(frame)

    def _read(self, link: _Link) -> None:
        for _ in range(_READS):
            try:
                frame = link.held.recv(_FRAME)
            except BlockingIOError:
                return
            except OSError:
                self._forget(link)  # its namespace is gone
                return
            heapq.heappush(self._waiting, (link.due(frame, time.monotonic()), next(self._order), link, frame))

    def _forget(self, link: _Link) -> None:
        self._poller.unregister(link.held.fileno())
        del self._by_held[link.held.fileno()]
        if link.life is not None:
            self._poller.unregister(link.life)
            del self._by_life[link.life]
        self._links = {name: each for name, each in self._links.items() if each is not link}
        self._waiting = [each for each in self._waiting if each[2] is not link]
        heapq.heapify(self._waiting)
        link.close()

    def _request(self, message: wire.Message, descriptors: list[int]) -> dict[str, Any]:
        """Make one link's rules what the message says; none end the link. "made": whether it is another link than before."""
        life = descriptors[0] if descriptors else None
        try:
            made = "link" in message and self._change(message, life)
        except (OSError, RuntimeError) as error:
            return {"error": str(error)}
        return {"links": sorted(self._links), "pid": int(Path("/proc/self").readlink().name), "made": made}

    def _change(self, message: wire.Message, life: int | None) -> bool:
        name, made = message["link"], False
        link = self._links.get(name)
        if link is not None and (message["pid"] != link.pid or not message["rules"]):
            self._forget(link)
            link = None
        if link is None and message["rules"]:
            link, made = _Link(message["pid"], message["device"], message["detour"], life), True
            self._links[name] = self._by_held[link.held.fileno()] = link
            self._poller.register(link.held.fileno(), select.EPOLLIN)
            if life is not None:
                self._by_life[life] = link
                self._poller.register(life, select.EPOLLIN)
        elif life is not None:
            os.close(life)
        if link is not None:
            link.rules = [Rule.parse(each) for each in message["rules"]]
        return made


def serve(connection: socket.socket) -> None:
    """Take the control socket from the daemon, and hold packets."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    asked = wire.receive(connection)
    if asked is None:
        return
    _, (control,) = asked
    delayer = Delayer(socket.socket(fileno=control))
    wire.send(connection, {})
    connection.close()
    delayer.run()
