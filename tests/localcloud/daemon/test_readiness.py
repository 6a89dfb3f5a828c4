"""The API answers before the network and the instances are there; what needs them waits, and a network that cannot be is an error."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import pytest

from localcloud.daemon import cloud
from localcloud.daemon.config import CloudConfig
from localcloud.daemon.front import Front
from localcloud.dataplane import holding
from localcloud.dataplane.holding import WorldError
from localcloud.dataplane.world import World
from localcloud.home import Home

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

NETWORKS = "/compute/v1/projects/local/global/networks"


@dataclass
class Gate:
    """Holds the opening of the real world back until it is let go on."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)


Story: TypeAlias = Callable[
    [httpx.AsyncClient, Gate, asyncio.Task[None], asyncio.Event], Coroutine[Any, Any, None]
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "cloud")


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    held, opening = Gate(), World.open

    async def late(*given: Any, **named: Any) -> World:  # noqa: ANN401 - whatever the real one takes
        held.reached.set()
        await held.released.wait()
        return await opening(*given, **named)

    monkeypatch.setattr(World, "open", late)
    return held


def play(home: Home, gate: Gate, story: Story) -> None:
    """Run a cloud in this folder; the story begins when its world is about to be opened."""

    async def playing() -> None:
        config = CloudConfig.load_or_create(home)
        ready, stop = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(cloud.run(home, None, ready.set, stop))
        reached = asyncio.create_task(gate.reached.wait())
        await asyncio.wait({running, reached}, return_when=asyncio.FIRST_COMPLETED)
        headers = {"Authorization": f"Bearer {config.owner_token}"}
        async with httpx.AsyncClient(base_url=config.endpoint, headers=headers, timeout=60) as client:
            try:
                await story(client, gate, running, ready)
            finally:
                stop.set()
                await asyncio.gather(running, return_exceptions=True)

    asyncio.run(playing())


@pytest.mark.kernel
def test_google_s_api_answers_while_the_network_is_being_made_and_the_operator_s_when_it_is(
    home: Home, gate: Gate
) -> None:
    async def story(
        client: httpx.AsyncClient, gate: Gate, running: asyncio.Task[None], ready: asyncio.Event
    ) -> None:
        status = asyncio.create_task(client.get("/localcloud/v1/status"))
        made = await client.post(NETWORKS, json={"name": "early", "autoCreateSubnetworks": False})
        assert made.status_code == 200, made.text
        assert [each["name"] for each in (await client.get(NETWORKS)).json()["items"]] == ["early"]
        assert (await client.get(NETWORKS, headers={"Authorization": "Bearer other"})).status_code == 401
        assert not status.done()
        assert not ready.is_set(), "whoever started the cloud is told when all of it is there"
        gate.released.set()
        answer = await status
        assert (answer.status_code, answer.json()["pid"]) == (200, os.getpid())
        told = asyncio.create_task(ready.wait())
        await asyncio.wait({told, running}, return_when=asyncio.FIRST_COMPLETED)
        assert ready.is_set()
        assert [each["name"] for each in (await client.get(NETWORKS)).json()["items"]] == ["early"]

    play(home, gate, story)


@pytest.mark.kernel
def test_a_network_that_cannot_be_made_is_the_reason_why_the_cloud_ends(home: Home, gate: Gate) -> None:
    async def story(
        client: httpx.AsyncClient, gate: Gate, running: asyncio.Task[None], ready: asyncio.Event
    ) -> None:
        lock = holding.claim(home)  # as another process that runs this cloud has it
        try:
            assert (await client.get(NETWORKS)).status_code == 200
            gate.released.set()
            with pytest.raises(WorldError, match="another process runs this local cloud"):
                await running
        finally:
            os.close(lock)
        assert not ready.is_set()
        with pytest.raises(httpx.TransportError):
            await client.get(NETWORKS)

    play(home, gate, story)


def test_what_waits_for_the_operator_s_api_is_refused_when_it_does_not_come() -> None:
    async def asking() -> httpx.Response:
        front = Front(_unasked)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(front), base_url="http://127.0.0.1"
        ) as client:
            status = asyncio.create_task(client.get("/localcloud/v1/status"))
            await asyncio.sleep(0)
            front.end()
            return await status

    refused = asyncio.run(asking())
    assert refused.status_code == 503
    assert "this local cloud is ending" in refused.json()["error"]["message"]


async def _unasked(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise AssertionError("the operator's API was asked for")


@pytest.mark.kernel
def test_the_command_says_why_there_is_no_cloud(home: Home) -> None:
    lock = holding.claim(home)
    try:
        started = subprocess.run(
            [sys.executable, "-m", "localcloud", "start"],
            env={**os.environ, "LOCALCLOUD_HOME": str(home.path)},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        os.close(lock)
    assert started.returncode == 1
    assert started.stderr.startswith(
        f"localcloud: {home.path}: another process runs this local cloud; stop it first"
    )
    assert not (home.run / "daemon.json").exists()


@pytest.mark.parametrize(
    ("module", "unneeded"),
    [
        # before `localcloud start` has the daemon under way
        ("localcloud.cli.main", ["asyncio", "http.client", "localcloud.dataplane.doorkeeper"]),
        # before the API answers
        (
            "localcloud.daemon.__main__",
            [
                "cryptography",
                "http.client",
                "localcloud.control.loop",
                "localcloud.dataplane.world",
                "localcloud.guest.machines",
                "starlette",
                "urllib.request",
            ],
        ),
    ],
)
def test_what_the_first_answer_does_not_need_is_not_imported_for_it(module: str, unneeded: list[str]) -> None:
    program = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(json.loads(printed.stdout)).isdisjoint(unneeded)
