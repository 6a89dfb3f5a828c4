"""Pauses: all processes of an instance stopped, for a while as if it hung, or until it is resumed. Their memory stays as it is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from localcloud.guest import processes

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.clock import Clock
    from localcloud.guest.machine import Machine


class Pauses:
    """Pauses machines and lets them go on. `lock`: what holds off other operations on a machine, by its id."""

    def __init__(self, clock: Clock, lock: Callable[[str], asyncio.Lock]) -> None:
        self._clock, self._lock = clock, lock

    async def hang(self, machine: Machine, seconds: float) -> None:
        """Pause for this many cloud seconds, unless it is suspended; whoever looks from outside cannot tell."""
        if machine.record.suspended:
            return
        await asyncio.to_thread(processes.stop_all, machine.record.init)
        machine.record = replace(machine.record, hung_until=self._clock.now() + seconds)
        machine.record.write(machine.folder)
        self.plan(machine)
        await asyncio.sleep(0)  # its timer runs by the time that this returns

    async def suspend(self, machine: Machine) -> None:
        """Pause until `end`."""
        self._forget_plan(machine)
        # Written first: a daemon that dies meanwhile leaves no machine that is paused and not known to be.
        machine.record = replace(machine.record, hung_until=0.0, suspended=True)
        machine.record.write(machine.folder)
        await asyncio.to_thread(processes.stop_all, machine.record.init)

    def plan(self, machine: Machine) -> None:
        """Let a machine that hangs go on when its time is over."""

        async def later() -> None:
            await self._clock.sleep(machine.record.hung_until - self._clock.now())
            async with self._lock(machine.record.spec.id):
                machine.thaw = None
                if not machine.record.suspended:
                    await self.end(machine)

        self._forget_plan(machine)
        machine.thaw = asyncio.ensure_future(later())

    async def end(self, machine: Machine) -> None:
        """Let a machine go on, whyever it is paused."""
        if machine.record.hung_until <= 0 and not machine.record.suspended:
            return
        self._forget_plan(machine)
        await asyncio.to_thread(processes.continue_all, machine.record.init)
        machine.record = replace(machine.record, hung_until=0.0, suspended=False)
        machine.record.write(machine.folder)

    @staticmethod
    def _forget_plan(machine: Machine) -> None:
        if machine.thaw is not None:
            machine.thaw.cancel()
            machine.thaw = None
