"""The prober: one process in the router's namespace that sends every probe, from Google's ranges, through the firewall rules.

It has no threads and no task per probe: a probe under way is a non-blocking socket with callbacks, one that waits is an entry in
the loop's heap of timers. It lives as long as the daemon's connection; the schedule needs no memory, because each probe's phase
is derived from its id and cloud time.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import math
import os
import resource
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any

from localcloud.dataplane import wire
from localcloud.dataplane.addresses import PROBER_SOURCES, mark_of
from localcloud.dataplane.dialogue import Verdict, dialogue_for
from localcloud.plans.probe import Outcome, ProbeSpec

if TYPE_CHECKING:
    from collections.abc import Callable

_SO_MARK = 36
_IP_BIND_ADDRESS_NO_PORT = 24
_PROXY_V1 = b"PROXY UNKNOWN\r\n"
# nobody is there, or somebody says so: on Google Cloud a probe to a missing machine just goes unanswered
_UNREACHABLE = frozenset(
    {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ETIMEDOUT}
)
# errors of this machine say nothing about the instance: no verdict may follow from them
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL, errno.EPERM})


class CloudTime:
    """Cloud time by the machine's monotonic clock, as the daemon related the two."""

    def __init__(self, cloud: float, monotonic: float, speed: float) -> None:
        self.cloud = cloud
        self.monotonic = monotonic
        self.speed = speed

    def now(self) -> float:
        """Return cloud seconds since the epoch."""
        return self.cloud + (time.monotonic() - self.monotonic) * self.speed

    def real(self, cloud: float) -> float:
        """Return the monotonic time of a cloud time."""
        return self.monotonic + (cloud - self.cloud) / self.speed


def phase(probe: str) -> float:
    """Return where in its interval a probe starts, as a fraction: evenly spread, and always the same for the same id."""
    return int.from_bytes(hashlib.blake2s(probe.encode(), digest_size=4).digest(), "big") / 2**32


def next_start(spec: ProbeSpec, after: float) -> float:
    """Return the first cloud time after `after` at which this probe starts."""
    offset = phase(spec.id) * spec.interval
    return (math.floor((after - offset) / spec.interval) + 1) * spec.interval + offset


class Probe:
    """A probe that is repeated: its timer, and at most one attempt under way."""

    def __init__(self, spec: ProbeSpec, prober: Prober) -> None:
        self.spec = spec
        self._prober = prober
        self._attempt: Attempt | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = next_start(spec, prober.time.now())
        self._arm()

    def _arm(self) -> None:
        self._timer = self._prober.loop.call_at(self._prober.time.real(self._due), self._start)

    def _start(self) -> None:
        if self._attempt is not None:
            self._attempt.expire()  # equal interval and timeout: it is due now, and results stay in order
        self._attempt = Attempt(self.spec, self._prober, self._ended)
        self._due = max(self._due + self.spec.interval, next_start(self.spec, self._prober.time.now()))
        self._arm()
        self._attempt.begin()

    def _ended(self, sent_at: float, verdict: Verdict | None) -> None:
        self._attempt = None
        if verdict is not None:
            self._prober.report(self.spec, sent_at, verdict)

    def stop(self) -> None:
        """Send no more; an attempt under way is abandoned without a result."""
        if self._timer is not None:
            self._timer.cancel()
        if self._attempt is not None:
            self._attempt.abandon()


class Attempt:
    """One probe on its way: connect, say the opening, listen until there is a verdict or the timeout."""

    def __init__(
        self, spec: ProbeSpec, prober: Prober, ended: Callable[[float, Verdict | None], None]
    ) -> None:
        self._spec = spec
        self._prober = prober
        self._ended = ended
        self._dialogue = dialogue_for(spec)
        self._sock: socket.socket | None = None
        self._unsent = b""
        self._stage = "connect"
        self._sent_at = prober.time.now()
        deadline = prober.time.real(self._sent_at + spec.timeout)
        self._timer = prober.loop.call_at(deadline, self.expire)

    def begin(self) -> None:
        """Make the socket, from the consumer's source address and routed to the instance, and start connecting."""
        try:
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._sock = sock
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, _SO_MARK, mark_of(self._spec.instance_address))
            sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((PROBER_SOURCES[self._spec.consumer], 0))
            result = sock.connect_ex((self._spec.address, self._spec.port))
        except OSError as error:
            self._failed(error)
            return
        if result in {0, errno.EINPROGRESS}:
            self._prober.loop.add_writer(sock, self._writable)
        else:
            self._failed(OSError(result, os.strerror(result)))

    def _writable(self) -> None:
        assert self._sock is not None  # noqa: S101 - callbacks only run while there is a socket
        try:
            if self._stage == "connect":
                error = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if error:
                    raise OSError(error, os.strerror(error))  # noqa: TRY301 - handled like every other socket error
                self._unsent = _PROXY_V1 if self._spec.proxy_header == "PROXY_V1" else b""
                self._stage = "preface" if self._spec.protocol in {"SSL", "HTTPS"} else "talk"
                if self._stage == "talk":
                    self._unsent += self._dialogue.opening
            self._proceed()
        except ssl.SSLError as error:
            self._finish("failure", f"TLS: {error.reason or error}")
        except OSError as error:
            self._failed(error)

    def _proceed(self) -> None:
        assert self._sock is not None  # noqa: S101 - as above
        if self._unsent and not self._send():
            return
        if self._stage == "preface":  # what precedes TLS has been sent
            self._prober.loop.remove_writer(self._sock)
            self._sock = self._prober.tls.wrap_socket(
                self._sock, server_hostname=self._spec.host or None, do_handshake_on_connect=False
            )
            self._stage = "handshake"
        if self._stage == "handshake":
            if not self._handshake():
                return
            self._stage = "talk"
            self._unsent = self._dialogue.opening
            if self._unsent and not self._send():
                return
        if self._stage == "talk":
            self._stage = "listen"
            self._prober.loop.remove_writer(self._sock)
            verdict = self._dialogue.opened()
            if verdict is not None:
                self._finish(verdict.outcome, verdict.detail)
                return
            self._prober.loop.add_reader(self._sock, self._readable)
            self._readable()

    def _send(self) -> bool:
        assert self._sock is not None  # noqa: S101 - as above
        with contextlib.suppress(BlockingIOError, ssl.SSLWantWriteError):
            self._unsent = self._unsent[self._sock.send(self._unsent) :]
        if self._unsent:
            self._prober.loop.add_writer(self._sock, self._writable)
        return not self._unsent

    def _handshake(self) -> bool:
        assert isinstance(self._sock, ssl.SSLSocket)  # noqa: S101 - as above
        loop = self._prober.loop
        try:
            self._sock.do_handshake()
        except ssl.SSLWantReadError:
            loop.remove_writer(self._sock)
            loop.add_reader(self._sock, self._writable)
            return False
        except ssl.SSLWantWriteError:
            loop.add_writer(self._sock, self._writable)
            return False
        loop.remove_reader(self._sock)
        return True

    def _readable(self) -> None:
        assert self._sock is not None  # noqa: S101 - as above
        try:
            while self._sock is not None:
                verdict = self._dialogue.heard(self._sock.recv(16384))
                if verdict is not None:
                    self._finish(verdict.outcome, verdict.detail)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except ssl.SSLError as error:
            self._finish("failure", f"TLS: {error.reason or error}")
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        if error.errno in _UNREACHABLE:
            self._release()  # and wait for the timeout, as a prober does that hears nothing
        elif error.errno in _OURS:
            self._prober.trouble(f"{self._spec.id}: this probe could not be sent: {error.strerror}")
            self.abandon()
            self._ended(self._sent_at, None)
        elif error.errno == errno.ECONNREFUSED:
            self._finish("failure", "connection refused")
        else:
            self._finish("failure", (error.strerror or str(error)).lower())

    def expire(self) -> None:
        """The timeout has come."""
        words = {"connect": "no connection", "listen": "connected, but no complete answer"}.get(
            self._stage, "connected, but no progress"
        )
        self._finish("timeout", f"{words} within {self._spec.timeout:g} s")

    def _finish(self, outcome: Outcome, detail: str) -> None:
        self.abandon()
        self._ended(self._sent_at, Verdict(outcome, detail))

    def abandon(self) -> None:
        """Close without a result."""
        self._timer.cancel()
        self._release()

    def _release(self) -> None:
        if self._sock is not None:
            self._prober.loop.remove_writer(self._sock)
            self._prober.loop.remove_reader(self._sock)
            self._sock.close()
            self._sock = None


class Prober:
    """All probes, and the connection to the daemon: specs come in, results go out in batches."""

    def __init__(self, channel: wire.Channel, cloud_time: CloudTime) -> None:
        self.loop = asyncio.get_running_loop()
        self.time = cloud_time
        self._channel = channel
        self._probes: dict[str, Probe] = {}
        self._outbox: list[dict[str, Any]] = []
        self._filled = asyncio.Event()
        self._tls: ssl.SSLContext | None = None

    @property
    def tls(self) -> ssl.SSLContext:
        """Google's probers do not verify certificates; neither do these. Made when first needed: it is slow and large."""
        if self._tls is None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._tls.check_hostname = False
            self._tls.verify_mode = ssl.CERT_NONE
        return self._tls

    def change(self, message: wire.Message) -> None:
        """Stop and start probes; a changed one is in both lists."""
        for probe in message["remove"]:
            if probe in self._probes:
                self._probes.pop(probe).stop()
        for fields in message["add"]:
            spec = ProbeSpec(**fields)
            self._probes[spec.id] = Probe(spec, self)

    def report(self, spec: ProbeSpec, sent_at: float, verdict: Verdict) -> None:
        """Queue a result for the daemon."""
        self._outbox.append({
            "id": spec.id, "sent_at": sent_at, "ended_at": self.time.now(), "outcome": verdict.outcome, "detail": verdict.detail,
        })  # fmt: skip
        self._filled.set()

    def trouble(self, words: str) -> None:
        """Tell the daemon about a fault of the prober's own."""
        self._outbox.append({"trouble": words})
        self._filled.set()

    async def send_results(self) -> None:
        """Send whatever has been queued, for ever."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            batch, self._outbox = self._outbox, []
            await self._channel.send({"results": batch})


async def _main(connection: socket.socket) -> None:
    channel = wire.Channel(connection)
    hello, _ = await channel.receive()
    prober = Prober(channel, CloudTime(hello["cloud"], hello["monotonic"], hello["speed"]))
    sender = asyncio.ensure_future(prober.send_results())
    try:
        while True:
            message, _ = await channel.receive()
            prober.change(message)
    except EOFError:
        sender.cancel()


def serve(connection: socket.socket) -> None:
    """Probe until the daemon's connection ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(_main(connection))
