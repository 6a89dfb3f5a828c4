"""The daemon's side of its keeper."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING

from localcloud.daemon import kept, launch
from localcloud.home import Home

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_while_the_cloud_is_stopped_no_keeper_follows_the_last_one_and_nothing_is_said_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kept, "_PAUSE", 0.0)
    home = Home(tmp_path)
    home.run.mkdir(parents=True)
    launch.stopping_file(home).touch()

    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            async with kept.kept(home, listener):
                for _ in range(20):
                    await asyncio.sleep(0)

    with caplog.at_level(logging.INFO):
        asyncio.run(story())
    assert not caplog.records
    assert launch.keeper(home) is None
