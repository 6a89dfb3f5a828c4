"""The daemon's side of the `gcp` plugin: one that hangs is followed by another."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

from localcloud.clock import VirtualClock
from localcloud.daemon.config import CloudConfig
from localcloud.daemon.plugin import Plugin
from localcloud.daemon.process_record import ProcessRecord
from localcloud.dataplane import inhabitants
from localcloud.dataplane.vigil import PATIENCE, Vigil
from localcloud.home import Home

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PATIENCE = 120.0  # real seconds: fails a test that hangs, and nothing else


async def until(wanted: Callable[[], object]) -> None:
    async with asyncio.timeout(_PATIENCE):
        while not wanted():  # noqa: ASYNC110 - what the kernel shows tells nobody that it has changed
            await asyncio.sleep(0.01)


def test_a_plugin_that_hangs_is_replaced_and_one_that_answers_is_not(tmp_path: Path) -> None:
    async def story() -> None:
        home, vigil = Home(tmp_path), Vigil(VirtualClock())
        home.run.mkdir(parents=True)
        home.logs.mkdir(parents=True)
        config = CloudConfig.load_or_create(home)
        plugin = Plugin(home, config, vigil)
        (duty,) = vigil.duties
        file = home.run / "plugin.json"

        async def serving(before: ProcessRecord | None) -> ProcessRecord:
            """Wait until another than this one is there and answers."""
            async with asyncio.timeout(_PATIENCE):
                while True:
                    there = ProcessRecord.living(file)
                    try:
                        await plugin._ask()
                    except OSError:  # it is still being started
                        await asyncio.sleep(0.01)
                    else:
                        if there is not None and there != before:
                            return there

        try:
            first = await serving(None)
            for _ in range(3 * PATIENCE):
                vigil.look()
                await until(lambda: not duty.owed)
            assert ProcessRecord.living(file) == first
            os.kill(first.pid, signal.SIGSTOP)
            await until(lambda: inhabitants.state(first.pid) == "T")
            while not duty.hung:
                vigil.look()
                await asyncio.sleep(0)
            await serving(first)
        finally:
            await plugin.end()
            vigil.close()

    asyncio.run(story())
