"""A daemon is started by way of a service manager where there is one, and without where that one cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.daemon import launch
from localcloud.home import Home

pytestmark = pytest.mark.kernel
# Stand-ins for systemd-run: one becomes the command behind "--", as that does, and one ends.
ABLE = '#!/bin/sh\necho "asked $*" >> {log}\nwhile [ "$1" != -- ]; do shift; done; shift; exec "$@"\n'
UNABLE = (
    '#!/bin/sh\necho "asked $*" >> {log}\necho "Failed to start transient scope unit: refused" >&2\nexit 1\n'
)
START = """
import sys
from localcloud.cli import main
from localcloud.guest import service_manager
manager = service_manager.ServiceManager(program=sys.argv[1], user=True, lasting=True, folder=sys.argv[2])
service_manager.asked = lambda: manager
sys.exit(main.main(["start"]))
"""


@pytest.mark.parametrize("program", [ABLE, UNABLE], ids=["able", "unable"])
def test_daemon_is_there_whatever_the_service_manager_does(program: str, tmp_path: Path) -> None:
    script, log = tmp_path / "systemd-run", tmp_path / "log"
    script.write_text(program.format(log=log), encoding="ascii")
    script.chmod(0o755)
    home = Home(tmp_path / "cloud")
    environment = {**os.environ, "LOCALCLOUD_HOME": str(home.path)}

    def run(*words: str) -> None:
        done = subprocess.run(
            [sys.executable, *words], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    run("-c", START, str(script), str(tmp_path))
    try:
        (asked,) = log.read_text(encoding="utf-8").splitlines()
        assert "--user --scope --quiet" in asked
        daemon = launch.running(home)
        assert daemon is not None
        environ = Path(f"/proc/{daemon.pid}/environ").read_bytes().split(b"\0")
        told = f"XDG_RUNTIME_DIR={tmp_path}".encode() in environ
        assert told == (program == ABLE), "only who goes by the manager is told where that is"
        refused = "Failed to start transient scope unit" in (home.logs / "daemon.log").read_text(
            encoding="utf-8"
        )
        assert refused == (program == UNABLE)
    finally:
        run("-m", "localcloud", "stop")
    assert [each.name for each in home.run.iterdir()] == ["world.lock"]
