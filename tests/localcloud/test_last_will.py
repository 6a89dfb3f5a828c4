"""Tests that are killed leave no local cloud behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.localcloud.last_will import ROOT, homes

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.kernel
PATIENCE = 300  # seconds: fails a test that hangs, and nothing else

# A test that has a world and says which processes keep it and wait for its end.
TEST = """
import asyncio, sys
from pathlib import Path
from tests.localcloud.dataplane.cloud import running_cloud
from tests.localcloud.last_will import last_will
import tempfile

async def have_a_world(waiting):
    async with running_cloud() as cloud:
        print(cloud.world.holder_pid, waiting, flush=True)
        await asyncio.Event().wait()

tempfile.tempdir = sys.argv[1]
with last_will(Path(sys.argv[1])) as waiting:
    asyncio.run(have_a_world(waiting))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_test_takes_its_cloud_along(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "clouds"
    folder.mkdir()
    command = [sys.executable, "-c", TEST, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, process_group=0) as test:
        assert test.stdout is not None
        ends = [os.pidfd_open(int(each)) for each in test.stdout.readline().split()]
        assert len(ends) == 2
        assert len(homes([folder])) == 1
        os.killpg(test.pid, number)
    for end in ends:
        assert select.select([end], [], [], PATIENCE)[0]
        os.close(end)
    assert not folder.exists()
