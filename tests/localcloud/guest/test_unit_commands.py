"""Every row of the page's table of systemd's commands is so on an instance."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.localcloud.guest.cloud import Cloud, in_cloud
from tests.localcloud.guest.unit_commands import PREPARED, ROWS, table

PAGE = Path(__file__).resolve().parents[3] / "docs" / "start-up-scripts.md"


@pytest.mark.kernel
@in_cloud
async def test_every_row_is_so_on_an_instance(cloud: Cloud) -> None:
    spec = await cloud.boot()
    await cloud.settled(spec)
    await cloud.said(spec, PREPARED)
    functions = PREPARED[PREPARED.index("pid()") :]
    for row in ROWS:
        assert await cloud.said(spec, f"{functions}\n{row.script}") == row.prints, row.commands


def test_the_page_shows_every_row() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")
