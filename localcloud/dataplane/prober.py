"""The prober: one process in the router's namespace that sends every probe, from Google's ranges, through the firewall rules.

It has no threads and no task per probe: a probe under way is a non-blocking socket with callbacks, one that waits is an entry in
the loop's heap of timers. It lives as long as the daemon's connection; the schedule needs no memory, because each probe's phase
is derived from its id and cloud time. To the instances it is as many probers as there are on Google Cloud: each has a source address
and phases of its own, and results of its own.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import TYPE_CHECKING, Any

from localcloud import open_files
from localcloud.dataplane import wire
from localcloud.dataplane.attempt import Attempt
from localcloud.plans.probe import ProbeSpec
from localcloud.plans.probe_schedule import next_start

if TYPE_CHECKING:
    import socket

    from localcloud.dataplane.dialogue import Verdict


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


class Probe:
    """One prober's probe of an endpoint, repeated: its timer, and at most one attempt under way."""

    def __init__(self, spec: ProbeSpec, number: int, prober: Prober) -> None:
        self.spec = spec
        self.number = number
        self._prober = prober
        self._attempt: Attempt | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = next_start(spec, number, prober.time.now())
        self._arm()

    def _arm(self) -> None:
        self._timer = self._prober.loop.call_at(self._prober.time.real(self._due), self._start)

    def _start(self) -> None:
        if self._attempt is not None:
            self._attempt.expire()  # equal interval and timeout: it is due now, and results stay in order
        self._attempt = Attempt(self.spec, self._prober, self._ended, self.number)
        self._due = max(
            self._due + self.spec.interval, next_start(self.spec, self.number, self._prober.time.now())
        )
        self._arm()
        self._attempt.begin()

    def _ended(self, sent_at: float, verdict: Verdict | None) -> None:
        self._attempt = None
        if verdict is not None:
            self._prober.report(self, sent_at, verdict)

    def stop(self) -> None:
        """Send no more; an attempt under way is abandoned without a result."""
        if self._timer is not None:
            self._timer.cancel()
        if self._attempt is not None:
            self._attempt.abandon()


class Prober:
    """All probes, and the connection to the daemon: specs come in, results go out in batches."""

    def __init__(self, channel: wire.Channel, cloud_time: CloudTime) -> None:
        self.loop = asyncio.get_running_loop()
        self.time = cloud_time
        self._channel = channel
        self._probes: dict[str, list[Probe]] = {}
        self._probers = 1
        self._outbox: list[dict[str, Any]] = []
        self._filled = asyncio.Event()
        self._tls: dict[bool, ssl.SSLContext] = {}

    def tls(self, *, http2: bool) -> ssl.SSLContext:
        """Return how TLS is spoken; made when first needed: it is slow and large.

        Google's probers do not verify certificates; neither do these.
        """
        if http2 not in self._tls:
            made = self._tls[http2] = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
            if http2:
                made.set_alpn_protocols(["h2"])
        return self._tls[http2]

    def change(self, message: wire.Message) -> None:
        """Stop and start probes; a changed one is in both lists, and all are in both if `probers` is another number than before."""
        for identifier in message["remove"]:
            for probe in self._probes.pop(identifier, ()):
                probe.stop()
        self._probers = message["probers"]
        for fields in message["add"]:
            spec = ProbeSpec(**fields)
            self._probes[spec.id] = [Probe(spec, number, self) for number in range(self._probers)]

    def answer(self) -> None:
        """Tell the daemon, who has asked, that this process is well."""
        self._filled.set()

    def report(self, probe: Probe, sent_at: float, verdict: Verdict) -> None:
        """Queue a result for the daemon."""
        self._outbox.append({
            "id": probe.spec.id, "sent_at": sent_at, "ended_at": self.time.now(), "outcome": verdict.outcome,
            "detail": verdict.detail, "weight": verdict.weight, "prober": probe.number, "probers": self._probers,
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
            if "ping" in message:
                prober.answer()
            else:
                prober.change(message)
    except EOFError:
        sender.cancel()


def serve(connection: socket.socket) -> None:
    """Probe until the daemon's connection ends."""
    open_files.raise_limit()
    asyncio.run(_main(connection))
