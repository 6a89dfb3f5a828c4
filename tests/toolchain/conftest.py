"""A real engine with our language host, and tiny projects for it to run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.toolchain.project import Project
from toolchain import engine
from toolchain.cache import Cache
from toolchain.checkout import Checkout


@pytest.fixture(scope="session")
def hosted_engine() -> engine.Engine:
    """Return the source-built engine with this checkout's language host; skip where the machine has another engine."""
    found = engine.find(Cache.default(), {**os.environ, "MIG_NLB_ENGINE": "source"})
    if found is None:
        pytest.skip("this machine has an engine of its own; MIG_NLB_ENGINE=source makes ours")
    return found


@pytest.fixture
def project(tmp_path: Path, hosted_engine: engine.Engine) -> Project:
    """Return a project with an empty program, a file backend and a stack `dev`."""
    policy = Checkout.here().policy_python
    made = Project(tmp_path, hosted_engine, Path(sys.prefix), policy)
    made.create()
    return made
