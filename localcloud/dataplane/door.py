"""The door: how clients on this machine reach forwarding rules. A process of its own, in the internet namespace.

Its listening sockets were made in the host's network namespace and stay there (a socket belongs to the namespace it was made in);
its outgoing ones are made here. A client 127.0.x.y:p on the host becomes 198.18.x.y:p here, connects to the very address and port
that it asked for, and the router takes it from there. An IPv6 rule's listener is on the host's ::1, since none of its addresses can be
the host's, and its clients are 2001:2::1. The door outlives the daemon, which finds it again by its control socket.
"""

from __future__ import annotations

import contextlib
import errno
import select
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud import open_files
from localcloud.dataplane import wire
from localcloud.dataplane.addresses import (
    CLIENTS,
    CLIENTS_IPV6,
    FORWARDED,
    GATEWAY_IPV6,
    INTERNET_IPV6,
    INTERNET_TRANSIT,
    INTERNET_TRANSIT_IPV6,
    ROUTER_TRANSIT,
    TRANSIT_PREFIX,
    client_address,
)
from localcloud.dataplane.callers import Callers
from localcloud.dataplane.inner_socket import Client, Key, connect
from localcloud.dataplane.kernel import COMMON_SETTINGS, IPV6_SETTINGS, LOOPBACK_LINES, ip_batch, settings
from localcloud.dataplane.namespaces import CLONE_NEWNET, drop_capabilities, unshare
from localcloud.dataplane.relay import RESET_ON_CLOSE, Relay

UDP_IDLE = 60.0  # seconds, as the balancer's own tracking of such flows
_ACCEPTS = 64
_EDGES = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
_PAUSE = 0.1


@dataclass
class _Flow:
    """A UDP client of one listener, and its socket inside."""

    listener: socket.socket
    client: Client
    inner: socket.socket
    used_at: float


class Door:
    """Listeners of the host's side, their connections, and the daemon's control connection, in one poller."""

    def __init__(self, control: socket.socket) -> None:
        self._poller = select.epoll()
        self._callers = Callers(control, self._poller, self._request)
        self._listeners: dict[Key, socket.socket] = {}
        self._by_descriptor: dict[int, Key] = {}
        self._relays: dict[int, Relay] = {}
        self._ready: set[Relay] = set()
        self._flows: dict[tuple[Key, Client], _Flow] = {}
        self._flow_of: dict[int, tuple[Key, Client]] = {}
        self._paused_until = 0.0
        self._swept_at = time.monotonic()

    def run(self) -> None:
        """Serve for ever."""
        while True:
            for descriptor, _ in self._poller.poll(self._patience()):
                self._event(descriptor)
            for relay in tuple(self._ready):
                self._pump(relay)
            now = time.monotonic()
            if self._paused_until and now >= self._paused_until:
                self._resume()
            if now - self._swept_at > UDP_IDLE / 12:
                self._sweep(now)

    def _patience(self) -> float:
        if self._ready:
            return 0
        if self._paused_until:
            return _PAUSE
        return UDP_IDLE / 12 if self._flows else -1

    def _event(self, descriptor: int) -> None:
        if (relay := self._relays.get(descriptor)) is not None:
            self._pump(relay)
        elif (key := self._by_descriptor.get(descriptor)) is not None:
            if key[0] == "TCP":
                self._accept(key)
            else:
                self._datagrams_in(key)
        elif (flow := self._flow_of.get(descriptor)) is not None:
            self._datagrams_out(flow)
        else:
            self._callers.event(descriptor)

    # the daemon's requests

    def _request(self, message: wire.Message, descriptors: list[int]) -> dict[str, Any]:
        for (kind, address, port), descriptor in zip(message.get("add", ()), descriptors, strict=True):
            self._open((kind, address, port), descriptor)
        for kind, address, port in message.get("remove", ()):
            self._shut((kind, address, port))
        return {
            "pid": int(
                Path("/proc/self").readlink().name
            ),  # the world keeps the host's mounts, and so its numbers
            # with the host's address and port that lead to each
            "listeners": [[*key, *each.getsockname()[:2]] for key, each in self._listeners.items()],
            "relays": len(self._relays) // 2,
            "flows": len(self._flows),
        }

    def _open(self, key: Key, descriptor: int) -> None:
        self._shut(key)
        listener = socket.socket(fileno=descriptor)
        listener.setblocking(False)
        self._listeners[key] = listener
        self._by_descriptor[descriptor] = key
        self._poller.register(listener, select.EPOLLIN)

    def _shut(self, key: Key) -> None:
        listener = self._listeners.pop(key, None)
        if listener is None:
            return
        del self._by_descriptor[listener.fileno()]
        listener.close()  # established connections go on, as they do when a forwarding rule is deleted
        for flow in [flow for flow in self._flows if flow[0] == key]:
            self._end_flow(flow)

    # TCP

    def _accept(self, key: Key) -> None:
        listener = self._listeners[key]
        for _ in range(_ACCEPTS):
            try:
                outer, client = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}:
                    self._pause()
                    return
                continue  # that connection is gone already
            outer.setblocking(False)
            try:
                inner = connect(client, key)
            except OSError as error:
                outer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                outer.close()
                if error.errno == errno.EMFILE:
                    self._pause()
                    return
                continue
            outer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            relay = Relay(outer, inner)
            for sock in (outer, inner):
                self._relays[sock.fileno()] = relay
                self._poller.register(sock, _EDGES)

    def _pump(self, relay: Relay) -> None:
        descriptors = relay.outer.fileno(), relay.inner.fileno()
        if relay.pump():
            self._ready.add(relay)
            return
        self._ready.discard(relay)
        if relay.closed:
            for descriptor in descriptors:
                self._relays.pop(descriptor, None)

    def _pause(self) -> None:
        """Out of descriptors: stop accepting for a moment instead of spinning on a listener that stays readable."""
        self._paused_until = time.monotonic() + _PAUSE
        for key, listener in self._listeners.items():
            if key[0] == "TCP":
                self._poller.modify(listener, 0)

    def _resume(self) -> None:
        self._paused_until = 0.0
        for listener in self._listeners.values():
            self._poller.modify(listener, select.EPOLLIN)

    # UDP

    def _datagrams_in(self, key: Key) -> None:
        listener = self._listeners[key]
        for _ in range(_ACCEPTS):
            try:
                data, client = listener.recvfrom(65535)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error about something sent earlier
            flow = self._flows.get((key, client)) or self._begin_flow(key, client)
            if flow is not None:
                flow.used_at = time.monotonic()
                with contextlib.suppress(OSError):  # datagrams may be lost
                    flow.inner.send(data)

    def _begin_flow(self, key: Key, client: Client) -> _Flow | None:
        try:
            inner = connect(client, key)
        except OSError:
            return None
        flow = _Flow(self._listeners[key], client, inner, time.monotonic())
        self._flows[key, client] = flow
        self._flow_of[inner.fileno()] = (key, client)
        self._poller.register(inner, select.EPOLLIN)
        return flow

    def _datagrams_out(self, name: tuple[Key, Client]) -> None:
        flow = self._flows[name]
        for _ in range(_ACCEPTS):
            try:
                data = flow.inner.recv(65535)
            except BlockingIOError:
                return
            except OSError:
                continue  # the instance has no such port: silence for the client, as UDP has it
            flow.used_at = time.monotonic()
            with contextlib.suppress(OSError):
                flow.listener.sendto(data, flow.client)

    def _end_flow(self, name: tuple[Key, Client]) -> None:
        flow = self._flows.pop(name)
        del self._flow_of[flow.inner.fileno()]
        flow.inner.close()

    def _sweep(self, now: float) -> None:
        self._swept_at = now
        for name in [name for name, flow in self._flows.items() if now - flow.used_at > UDP_IDLE]:
            self._end_flow(name)


def _ipv6_lines(router_mac: str) -> list[str]:
    client = client_address("::1")
    return [
        f"address add {INTERNET_TRANSIT_IPV6}/64 dev eth0 nodad",
        f"neighbour replace {GATEWAY_IPV6} lladdr {router_mac} dev eth0 nud permanent",
        f"route add local {CLIENTS_IPV6} dev lo",
        f"address add {client}/128 dev lo nodad",
        f"route add {INTERNET_IPV6} via {GATEWAY_IPV6} dev eth0 src {client}",
    ]


def serve(connection: socket.socket) -> None:
    """Make the internet namespace, take the control socket from the daemon, and serve until the world ends."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    unshare(CLONE_NEWNET)
    wire.send(connection, {})
    # the daemon has the router's end of the link made now, and then says where to listen for it
    asked = wire.receive(connection)
    if asked is None:
        return
    message, (control,) = asked
    settings({**COMMON_SETTINGS, "net/ipv4/tcp_tw_reuse": "1", "net/ipv4/tcp_syn_retries": "4"})
    if message["ipv6"]:
        settings({**IPV6_SETTINGS, "net/ipv6/ip_nonlocal_bind": "1"})
    ip_batch(
        [
            *LOOPBACK_LINES,
            f"address add {INTERNET_TRANSIT}/{TRANSIT_PREFIX} dev eth0",
            "link set eth0 up",
            f"neighbour replace {ROUTER_TRANSIT} lladdr {message['router_mac']} dev eth0 nud permanent",
            f"route add local {CLIENTS} dev lo",
            f"route add {FORWARDED} via {ROUTER_TRANSIT} dev eth0 src {client_address('127.0.0.1')}",
            *(_ipv6_lines(message["router_mac"]) if message["ipv6"] else ()),
        ]
    )
    drop_capabilities()
    open_files.raise_limit()
    door = Door(socket.socket(fileno=control))
    wire.send(connection, {})
    connection.close()
    door.run()
