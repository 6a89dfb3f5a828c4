"""A plugin that dies as the cloud makes something has told nobody: the next deployment finds what it had made, and goes on from there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localcloud.provider.creations import Creations
from tests.localcloud.provider.local_cloud import TOKEN, LocalCloud, local_cloud
from tests.toolchain.conftest import hosted_engine, project
from tests.toolchain.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.store import Event

__all__ = ["hosted_engine", "project"]
_ROOT = Path(__file__).parents[3]
_PATIENCE = 300.0  # seconds: fails a test that hangs, and nothing else
# Without the SDK, whose import takes longer than all the rest.
PROGRAM = """
    import pulumi

    def resource(kind, label, /, after=(), **inputs):
        return pulumi.CustomResource(kind, label, inputs, pulumi.ResourceOptions(depends_on=list(after)))

    net = resource("gcp:compute/network:Network", "net", project="p", name="net", autoCreateSubnetworks=False)
    place = {"project": "p", "region": "europe-west1"}
    resource("gcp:compute/address:Address", "ip", **place, name="ip", labels={"a": "b"}, after=[net])
"""
ADDRESS = "compute/projects/p/regions/europe-west1/addresses/ip"


@contextmanager
def plugin(cloud: LocalCloud, folder: Path, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a plugin as the daemon does; yields it, and its port."""
    token = folder / "token"
    token.write_text(TOKEN)
    command = [sys.executable, "-m", "localcloud.provider", "--port", str(port), "--endpoint", cloud.address]
    command += ["--token-file", str(token), "--creations", str(folder / "creations")]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(_ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd="/") as running:
        assert running.stdout is not None
        try:
            yield running, int(running.stdout.readline())
        finally:
            running.terminate()


@pytest.mark.e2e
def test_the_next_deployment_goes_on_from_what_a_dead_plugin_had_asked_for(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    up = ("up", "--yes", "--skip-preview", "--stack", "dev")
    notes = tmp_path / "creations"
    project.write(PROGRAM)
    with local_cloud(tmp_path / "objects") as cloud:
        with plugin(cloud, tmp_path) as (dying, port):
            monkeypatch.setattr(Project, "env", {**project.env, "PULUMI_DEBUG_PROVIDERS": f"gcp:{port}"})

            def kill(keys: frozenset[str], _: tuple[Event, ...]) -> None:
                """Before the cloud answers: whoever asked for this resource is never told."""
                if ADDRESS in keys:
                    dying.send_signal(signal.SIGKILL)
                    dying.wait(_PATIENCE)

            unwatch = cloud.store.watch(kill)
            project.fails(*up)
            assert dying.wait(_PATIENCE) == -signal.SIGKILL
            unwatch()
            assert cloud.store.get(ADDRESS) is not None
            assert len(list(notes.iterdir())) == 1
        with plugin(cloud, tmp_path, port):
            project.pulumi(*up)
            assert list(notes.iterdir()) == []
            assert (cloud.store.get(ADDRESS) or {})["labels"] == {"a": "b", "goog-pulumi-provisioned": "true"}
            assert project.resources()[-2:] == ["gcp:compute/network:Network", "gcp:compute/address:Address"]


def test_only_the_very_same_is_taken_for_what_was_asked_for_before(tmp_path: Path) -> None:
    folder = tmp_path / "creations"
    with Creations(folder).begun("urn:a", {"name": "a", "size": 1}) as first:
        assert not first.again
    for inputs, again in (({"size": 1, "name": "a"}, True), ({"size": 2, "name": "a"}, False)):
        with Creations(folder).begun("urn:a", inputs) as next_one:
            assert next_one.again == again
    with Creations(folder).begun("urn:b", {"size": 2, "name": "a"}) as other:
        assert not other.again


def test_what_the_engine_was_told_of_is_forgotten_and_what_is_under_way_is_not_taken_for_lost(
    tmp_path: Path,
) -> None:
    creations = Creations(tmp_path / "creations")
    with creations.begun("urn:a", {}) as first:
        with creations.begun("urn:a", {}) as beside:
            assert not beside.again
        beside.told()
        assert len(list((tmp_path / "creations").iterdir())) == 1
    first.told()
    assert list((tmp_path / "creations").iterdir()) == []
    with Creations(None).begun("urn:a", {}) as unnoted:
        unnoted.told()
