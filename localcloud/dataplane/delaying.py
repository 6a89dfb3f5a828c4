"""The daemon's side of the delayer: has one while a fault holds packets, finds again what an earlier daemon left, replaces a dead one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from typing import TYPE_CHECKING

from localcloud.dataplane import wire
from localcloud.dataplane.faults import held_at, ranges
from localcloud.dataplane.holding import WorldError
from localcloud.dataplane.restarts import Restarts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from localcloud.clock import Clock
    from localcloud.dataplane.faults import Side
    from localcloud.dataplane.helpers import Agent
    from localcloud.home import Home
    from localcloud.plans.fault import LinkFault

_log = logging.getLogger(__name__)


class Delaying:
    """Tells the delayer which packets to hold and for how long."""

    def __init__(self, home: Home, agent: Agent, clock: Clock, ended: Callable[[], None]) -> None:
        """`ended` is called when the delayer has died and everything held is lost: what leads to it must be made anew."""
        self._file = home.run / "delayer.sock"
        self._agent, self._clock, self._ended = agent, clock, ended
        self._channel: wire.Channel | None = None
        self._line: wire.Channel | None = None
        self._watch: asyncio.Task[None] | None = None
        self._links: set[str] = set()
        self._duty = agent.duty("delayer", ask=self._ask)
        self.restarts = Restarts("delayer")

    async def hold(self, instance: str, pid: int, faults: Collection[LinkFault]) -> Collection[str]:
        """Make what is held of an instance's packets what these faults say (none: nothing).

        Returns the devices whose packets have another link to be sent down than before: whatever leads there must be made anew, because
        the kernel knows a link by its number, and nobody else knows that its predecessor's has gone.

        Raises WorldError.
        """
        wanted: dict[str, list[tuple[Side, LinkFault]]] = {}
        for fault in faults:
            for side in held_at(fault):
                wanted.setdefault(f"{instance}|{side.device}", []).append((side, fault))
        made: list[str] = []
        if self._channel is None and not (wanted or self._file.exists()):
            return made
        try:
            await self._connect(start=bool(wanted))
            for name in [
                each for each in self._links if each.startswith(instance + "|") and each not in wanted
            ]:
                await self._call({"link": name, "pid": 0, "rules": []})
            for name, rules in wanted.items():
                if await self._set(name, pid, rules):
                    made.append(rules[0][0].device)
        except (EOFError, OSError, wire.HelperError) as error:
            msg = f"packets of {instance} cannot be held: {error}; this needs a kernel with CONFIG_VETH and CONFIG_PACKET"
            raise WorldError(msg) from error
        if not self._links:
            self.close()
        return made

    async def _set(self, name: str, pid: int, faults: Sequence[tuple[Side, LinkFault]]) -> bool:
        """Make the rules of one device these; on `lo` packets both ways pass the same one. Returns whether its link is another now."""
        place = faults[0][0]
        message = {
            "link": name,
            "pid": pid if place.inside else 0,
            "device": place.device,
            "detour": place.detour(),
            "rules": [
                {
                    "peers": list(ranges(fault)),
                    "field": side.field,
                    "delay": fault.delay / self._clock.speed,
                    "jitter": fault.jitter / self._clock.speed,
                    "seed": f"{fault.seed}/{fault.instance}/{side.field}",
                    "forwarded": fault.forwarded,
                    "slow": fault.kind == "slow",
                    "port": fault.port,
                }
                for side, fault in faults
            ],
        }
        life = os.pidfd_open(pid) if place.inside else None
        try:
            return await self._call(message, life)
        finally:
            if life is not None:
                os.close(life)

    async def _call(self, message: wire.Message, life: int | None = None) -> bool:
        assert self._channel is not None  # noqa: S101 - callers have connected
        with self._duty.owing():
            answer, _ = await self._channel.call(message, [] if life is None else [life])
        self._links = set(answer["links"])
        return bool(answer["made"])

    async def _ask(self) -> None:
        """Have the delayer say something."""
        if self._channel is not None:
            await self._channel.call({})

    async def _connect(self, *, start: bool) -> None:
        if self._channel is not None:
            return
        try:
            await self._find()
        except (OSError, EOFError):  # nobody listens, or one who is just dying and took the call no more
            self.close()
            if not start:
                return
            _, channel = await self._agent.fork("delayer")
            try:
                with wire.bind_unix(self._file) as control, self._duty.owing():
                    await channel.call({}, [control.fileno()])
            finally:
                channel.close()
            await self._find()

    async def _find(self) -> None:
        self._channel = wire.Channel(wire.connect_unix(self._file))
        await self._call({})
        self.restarts.began()
        # a second connection, on which nothing is ever said, ends with the delayer
        self._line = wire.Channel(wire.connect_unix(self._file))
        self._watch = asyncio.ensure_future(self._await_end(self._line))

    async def _await_end(self, line: wire.Channel) -> None:
        with contextlib.suppress(EOFError):
            await line.receive()
        if self._line is line:
            _log.warning("the delayer is gone with what it held; starting another")
            self.close()
            self._ended()

    def close(self) -> None:
        """Leave the delayer to itself; it ends when it has nothing to hold."""
        watch, self._watch = self._watch, None
        if watch is not None and watch is not asyncio.current_task():
            watch.cancel()
        for channel in (self._line, self._channel):
            if channel is not None:
                channel.close()
        self._line = self._channel = None
        self._links = set()
