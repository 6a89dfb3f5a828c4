"""The kernel holds instances to their machine types, where this user can have a control group with the controllers for that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.guest import service_manager
from localcloud.guest.service_manager import ServiceManager

pytestmark = pytest.mark.kernel
STORIES = Path(__file__).with_name("held_instances.py")


def test_kernel_holds_instances_to_memory_processes_and_cpu() -> None:
    manager = ServiceManager.find()
    if manager is None:
        pytest.skip(f"no service manager gives this user a control group: {service_manager.without_groups()}")
    argv = [
        *manager.scope(),
        sys.executable,
        "-B",
        "-m",
        "pytest",
        "-q",
        "-ra",
        "-p",
        "no:cacheprovider",
        str(STORIES),
    ]
    environment = {**os.environ, **manager.environment()}
    done = subprocess.run(
        argv, cwd=STORIES.parents[3], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    if skipped := [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]:
        pytest.skip("; ".join(skipped))
    assert "3 passed" in done.stdout
