"""Everything again without any privilege: when these tests run as root, they run themselves as nobody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.kernel
NOBODY = "65534"
STORIES = (
    "test_startup_scripts.py::test_missing_permission_is_named_and_once_granted_the_current_script_runs",
    "test_startup_scripts.py::test_shutdown_script_runs_before_the_machine_is_gone",
    "test_units.py::test_killed_service_is_restarted_but_a_stopped_one_is_not",
    "test_sessions.py::test_terminal_is_one",
    "test_faults.py::test_hang_stops_every_process_until_its_cloud_time_is_over",
    "test_faults.py::test_next_daemon_adopts_what_the_last_one_booted",
    "test_harmless.py",
    "test_limits.py",
    "test_canaries.py",
)


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as an ordinary user already")
def test_instances_work_and_are_harmless_for_nobody() -> None:
    here = Path(__file__).parent
    home = tempfile.mkdtemp(prefix="nobody-")
    os.chown(home, int(NOBODY), int(NOBODY))
    argv = [
        "setpriv",
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        "--bounding-set=-all",
        "--inh-caps=-all",
        "--",
    ]
    argv += [
        sys.executable,
        "-B",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *(str(here / story) for story in STORIES),
    ]
    env = {"PATH": os.environ["PATH"], "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8"}
    try:
        done = subprocess.run(argv, cwd=here.parents[2], env=env, capture_output=True, text=True, check=False)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout
