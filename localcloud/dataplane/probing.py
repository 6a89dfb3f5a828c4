"""The daemon's side of the prober: tells it what to probe, hands on what it found, and starts another if it dies."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import time
from typing import TYPE_CHECKING, Any

from localcloud.dataplane.holding import WorldError
from localcloud.dataplane.restarts import Restarts
from localcloud.plans.probe import ProbeResult, ProbeSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from localcloud.clock import Clock
    from localcloud.dataplane import wire
    from localcloud.dataplane.helpers import Agent

_log = logging.getLogger(__name__)
_BATCH = 500  # specs in one message
# probes that several probers send in all: less than half of a core's work; and where the cloud's clock runs fast, what its instances
# answer without noticing, for they have real time only
MOST_PER_SECOND = 3000
MOST_IN_A_HURRY = 50


def affordable(specs: Collection[ProbeSpec], probers: int, speed: float) -> int:
    """Return how many of the probers may probe these: an odd number where there are too many probes for all, and one at least."""
    rate = sum(speed / spec.interval for spec in specs)
    most = MOST_PER_SECOND if speed <= 1 else MOST_IN_A_HURRY
    if rate * probers <= most:
        return probers
    return max(1, int(most / rate - 1) // 2 * 2 + 1)


class Probing:
    """The set of probes, and the process that sends them, for as many probers as can be afforded."""

    def __init__(self, agent: Agent, clock: Clock, probers: int) -> None:
        self._agent = agent
        self._clock = clock
        self._wished = self._probers = probers
        self._specs: dict[str, ProbeSpec] = {}
        self._report: Callable[[ProbeResult], None] = lambda _: None
        self._channel: wire.Channel | None = None
        self.pid: int | None = None  # the prober's, in the world's numbering
        self._listener: asyncio.Task[None] | None = None
        self._reviving = False  # there is none, and another follows
        self._turn = asyncio.Lock()
        self._restarts = Restarts("prober")
        self._duty = agent.duty("prober", lambda: self.pid, ask=self._ask)
        self._heard: asyncio.Future[None] | None = None  # done when it has said something, or ended

    def problem(self) -> str:
        """Return what is the matter with its starts, if anything is."""
        return self._restarts.problem()

    async def apply(self, probes: frozenset[ProbeSpec], report: Callable[[ProbeResult], None]) -> None:
        """Probe exactly these from now on."""
        self._report = report
        async with self._turn:
            wanted = {spec.id: spec for spec in sorted(probes, key=lambda each: each.id)}
            changed = [spec for key, spec in wanted.items() if self._specs.get(key) != spec]
            removed = [key for key, spec in self._specs.items() if wanted.get(key) != spec]
            self._specs = wanted
            probers = affordable(wanted.values(), self._wished, self._clock.speed)
            if probers != self._probers:  # to all of them; a prober's phases are always the same
                self._probers, changed, removed = probers, list(wanted.values()), [*removed, *wanted]
            if self._channel is None and wanted:
                await self._start()
            elif changed or removed:
                await self._tell(changed, removed)

    async def _start(self) -> None:
        self.pid, channel = await self._agent.fork("prober")
        self._restarts.began()
        self._channel, self._reviving = channel, False
        self._listener = asyncio.ensure_future(self._listen(channel))
        await self._send(
            {"cloud": self._clock.now(), "monotonic": time.monotonic(), "speed": self._clock.speed}
        )
        await self._tell(self._specs.values(), [])

    async def _tell(self, changed: Collection[ProbeSpec], removed: Collection[str]) -> None:
        fields = [dataclasses.asdict(spec) for spec in changed]
        await self._send({"add": [], "remove": list(removed), "probers": self._probers})
        for start in range(0, len(fields), _BATCH):
            await self._send({"add": fields[start : start + _BATCH], "remove": [], "probers": self._probers})

    async def _ask(self) -> None:
        """Have it say something."""
        if self._listener is None or self._listener.done() or self._reviving:
            return  # there is none
        if self._heard is None or self._heard.done():
            self._heard = asyncio.get_running_loop().create_future()
        heard = self._heard
        async with self._turn:
            await self._send({"ping": True})
        await asyncio.shield(heard)

    async def _send(self, message: wire.Message) -> None:
        assert self._channel is not None  # noqa: S101 - callers have started it
        with contextlib.suppress(
            ConnectionError
        ):  # its end is noticed where its results are read; the next one gets all specs
            await self._channel.send(message)

    async def _listen(self, channel: wire.Channel) -> None:
        while True:
            try:
                message, _ = await channel.receive()
            except EOFError:
                break
            self._hear()
            for result in message["results"]:
                try:
                    self._take(result)
                except Exception:  # noqa: BLE001 - what one result led to must not end the reading: no verdict would change again
                    _log.exception("the result of a probe is lost: %s", result)
        channel.close()
        self._reviving = True
        self._hear()
        if self._channel is channel:
            _log.warning("the prober ended; starting another")
            self._listener = asyncio.ensure_future(self._revive())

    def _hear(self) -> None:
        self._duty.sign()
        if self._heard is not None and not self._heard.done():
            self._heard.set_result(None)

    async def _revive(self) -> None:
        while True:
            await self._restarts.wait()
            try:
                async with self._turn:
                    await self._start()
            except (WorldError, OSError) as error:
                _log.warning("the prober does not start: %s", error)
            else:
                return

    def _take(self, result: dict[str, Any]) -> None:
        if "trouble" in result:
            _log.warning("%s", result["trouble"])
        elif (
            result["id"] in self._specs
        ):  # one that was removed while its result was on its way is nobody's any more
            self._report(ProbeResult(**result))

    def close(self) -> None:
        """Let the prober go; it ends with its connection."""
        channel, self._channel = self._channel, None
        if self._listener is not None:
            self._listener.cancel()
            self._listener = None
        if channel is not None:
            channel.close()
