"""The local cloud in a container: an ordinary user of another user and PID namespace, as docs/macos-and-windows.md says."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Deploy

pytestmark = [pytest.mark.e2e, pytest.mark.campaign]

TRY = 'make up && curl --silent --fail "$(make -s url)" && make down'


def test_make_up_and_down_in_a_namespace_with_a_whole_proc(deploy: Deploy) -> None:
    deployment = deploy("container")
    inside = ["--dev-bind", "/", "/", "--proc", "/proc", "--chdir", str(deployment.root)]
    done = subprocess.run(
        ["bwrap", "--unshare-user", "--unshare-pid", "--uid", "1000", *inside, "--", "bash", "-c", TRY],
        env=deployment.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '{"instance": "web-' in done.stdout
    assert "local cloud stopped" in done.stdout
