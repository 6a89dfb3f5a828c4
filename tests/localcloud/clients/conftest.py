"""A cloud with simulated instances for each client, and a loud word about clients that the machine has not."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from tests.localcloud import driven
from tests.localcloud.clients import gcloud
from tests.localcloud.clients.gcloud import Gcloud
from tests.localcloud.clients.google_python import GooglePython, Process, process
from tests.localcloud.clients.pulumi_plugin import PulumiPlugin
from tests.localcloud.clients.raw_http import RawHttp
from tests.localcloud.provider.local_cloud import LocalCloud, local_cloud

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.localcloud.clients.client import Client

OPERATORS = (RawHttp.name, GooglePython.name, Gcloud.name)
EVERYONE = (*OPERATORS, PulumiPlugin.name)


@pytest.fixture
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalCloud]:
    """Run a cloud; `request.param`, if there is one, are settings of its API."""
    with local_cloud(tmp_path / "objects", **getattr(request, "param", {})) as running:
        yield running


@pytest.fixture(scope="session")
def google_python() -> Iterator[Process]:
    """Google's client takes seconds to be imported: once is enough."""
    with process() as running:
        yield running


@pytest.fixture
def client(request: pytest.FixtureRequest, cloud: LocalCloud, tmp_path: Path) -> Iterator[Client]:
    """Return the client that the test is run with: `request.param` is its name."""
    name: str = request.param
    if name == Gcloud.name and not gcloud.available():
        pytest.skip(MISSING)
    with ExitStack() as stack:
        made: Client
        match name:
            case RawHttp.name:
                made = stack.enter_context(closing(RawHttp(cloud)))
            case GooglePython.name:
                made = GooglePython(cloud, request.getfixturevalue("google_python"))
            case Gcloud.name:
                made = stack.enter_context(closing(Gcloud(cloud, tmp_path / "gcloud")))
            case _:
                made = stack.enter_context(closing(PulumiPlugin(cloud)))
        yield made
    note(name, cloud)


def note(name: str, cloud: LocalCloud) -> None:
    """Note what a client has driven; fail if the coverage page does not say so."""
    driven.note(name, cloud.driven)
    unsaid = sorted(cloud.driven - driven.known(name))
    assert not unsaid or os.environ.get("UPDATE_COVERAGE"), f"{name} drives {unsaid}; {driven.HOW}"


MISSING = "gcloud is not on this machine: install the Google Cloud CLI to have its scenarios run"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the clients whose scenarios were skipped, so that nobody takes them for passed."""
    skipped = [each for each in terminalreporter.stats.get("skipped", []) if MISSING in str(each.longrepr)]
    if skipped:
        line = f"SKIPPED CLIENT: {MISSING} ({len(skipped)} of them did not)."
        terminalreporter.write_line(line, red=True, bold=True)
    passed = terminalreporter.stats.get("passed", [])
    said = {text for each in passed for name, text in each.user_properties if name == "cannot"}
    for text in sorted(said):
        terminalreporter.write_line(f"NOT SAID: {text}.", yellow=True)
