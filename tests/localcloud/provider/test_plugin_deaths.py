"""A plugin that dies as the cloud makes something has told nobody: the next deployment finds what it had made, and goes on from there."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest

from localcloud.provider.creations import Creations
from tests.localcloud.provider.driver import connected
from tests.localcloud.provider.failing import failure
from tests.localcloud.provider.local_cloud import TOKEN, LocalCloud, local_cloud
from tests.toolchain.conftest import hosted_engine, project
from tests.toolchain.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localcloud.provider.values import Value
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


@contextmanager
def dying_at(cloud: LocalCloud, key: str, process: subprocess.Popen[str]) -> Iterator[None]:
    """Kill a plugin as the cloud makes this resource, before it answers: whoever asked for it is never told."""

    def kill(keys: frozenset[str], _: tuple[Event, ...]) -> None:
        if key in keys:
            process.send_signal(signal.SIGKILL)
            process.wait(_PATIENCE)

    unwatch = cloud.store.watch(kill)
    try:
        yield
    finally:
        unwatch()


def test_the_next_plugin_takes_what_a_dead_one_had_asked_for_and_nothing_else(tmp_path: Path) -> None:
    inputs = {"name": "ip", "region": "europe-west1", "labels": {"a": "b"}}
    kind = "gcp:compute/address:Address"

    async def create(port: int) -> dict[str, Value]:
        async with connected(f"127.0.0.1:{port}") as driver:
            await driver.configure(cloud.address, accessToken=TOKEN)
            return await driver.create(kind, "ip", inputs)

    with local_cloud(tmp_path / "objects") as cloud:
        with plugin(cloud, tmp_path) as (process, port), dying_at(cloud, ADDRESS, process):
            with pytest.raises(grpc.aio.AioRpcError) as lost:
                asyncio.run(create(port))
            assert lost.value.code() == grpc.StatusCode.UNAVAILABLE
            assert process.wait(_PATIENCE) == -signal.SIGKILL
        assert cloud.store.get(ADDRESS) is not None
        with plugin(cloud, tmp_path) as (_, port):
            made = asyncio.run(create(port))
            assert made["id"] == ADDRESS.removeprefix("compute/")
            assert (cloud.store.get(ADDRESS) or {})["labels"] == {"a": "b", "goog-pulumi-provisioned": "true"}
            with pytest.raises(grpc.aio.AioRpcError) as again:
                asyncio.run(create(port))
            assert "already exists, alreadyExists" in failure(again)


@pytest.mark.campaign
def test_the_next_deployment_goes_on_from_what_a_dead_plugin_had_asked_for(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    up = ("up", "--yes", "--skip-preview", "--stack", "dev")
    notes = tmp_path / "creations"
    project.write(PROGRAM)
    with local_cloud(tmp_path / "objects") as cloud:
        with plugin(cloud, tmp_path) as (dying, port):
            monkeypatch.setattr(Project, "env", {**project.env, "PULUMI_DEBUG_PROVIDERS": f"gcp:{port}"})

            with dying_at(cloud, ADDRESS, dying):
                project.fails(*up)
                assert dying.wait(_PATIENCE) == -signal.SIGKILL
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
    folder = tmp_path / "creations"
    creations = Creations(folder)
    with creations.begun("urn:a", {}) as first:
        with creations.begun("urn:a", {}) as beside:
            assert not beside.again
        beside.told()
        assert len(list(folder.iterdir())) == 1
        first.decide()
    with creations.begun("urn:a", {}) as second:
        assert not second.again, "the first one's end is known, though its note is there still"
        first.told()
        assert len(list(folder.iterdir())) == 1, "it is the second one's note now"
    with creations.begun("urn:a", {}) as third:
        assert third.again, "what became of the second nobody knows"
        third.decide()
    third.told()
    assert list(folder.iterdir()) == []
    with Creations(None).begun("urn:a", {}) as unnoted:
        unnoted.told()
