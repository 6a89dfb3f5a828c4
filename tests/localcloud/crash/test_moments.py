"""Deaths at moments that are chosen: while no daemon is there at all, as one starts or stops, in an upload, of everything at once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from localcloud.daemon.config import CloudConfig
from localcloud.daemon.process_record import ProcessRecord
from tests.localcloud.crash import leftovers, victims
from tests.localcloud.crash.cloud import GLOBAL, GROUPS, crash_cloud
from tests.localcloud.crash.talkers import Talkers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.localcloud.crash.cloud import CrashCloud

pytestmark = pytest.mark.kernel
_NETWORKS = f"/compute/v1/{GLOBAL}/networks"
_OBJECTS = "/storage/v1/b/kept/o"


def test_without_a_daemon_the_service_goes_on_and_requests_to_the_api_wait() -> None:
    async def story() -> None:
        async with crash_cloud() as cloud:
            await cloud.build()
            address = await cloud.group("web", 2)
            names = {each["name"] for each in await cloud.at_rest("web", 2)}
            talkers = await Talkers.begin(address, cloud.environment)
            there = victims.census(cloud.home)
            (keeper,) = there["keeper"]
            os.kill(keeper, signal.SIGSTOP)  # or another daemon would be there in a moment
            try:
                await victims.kill(there["daemon"])
                await talkers.report()
                seen: set[str] = set()
                while seen != names:  # new connections are balanced over everybody
                    report = await talkers.report()
                    assert not report.troubles
                    seen |= report.lives.keys()
                asked = asyncio.ensure_future(cloud.ask("GET", _NETWORKS))
                assert victims.census(cloud.home)["daemon"] == []
                assert not asked.done()
            finally:
                os.kill(keeper, signal.SIGCONT)
            answer = await asked
            assert answer is not None, "a request that came while there was no daemon is answered by the next"
            assert [each["name"] for each in answer.json()["items"]] == ["net"]
            await cloud.adopted()
            assert not (await talkers.report()).troubles
            await talkers.end()
            await _half_an_upload(cloud)

    asyncio.run(story())


async def _half_an_upload(cloud: CrashCloud) -> None:
    """Kill the daemon in the midst of an upload: there is no object, and nothing of it is left; the next try makes it."""
    await _bucket(cloud)
    config = CloudConfig.load(cloud.home)
    assert config is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", config.api_port)
    head = (
        "POST /upload/storage/v1/b/kept/o?uploadType=media&name=half HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{config.api_port}\r\nAuthorization: Bearer {config.owner_token}\r\nContent-Length: 2000000\r\n\r\n"
    )
    writer.write(head.encode() + bytes(1_000_000))
    drafts = cloud.home.path / "objects" / "drafts"
    await cloud.until("a draft", lambda: any(drafts.iterdir()))
    await victims.kill(victims.census(cloud.home)["daemon"])
    assert await _answer(reader) == b""
    writer.close()
    await cloud.adopted()
    assert await cloud.read(f"{_OBJECTS}/half") is None
    assert list(drafts.iterdir()) == []
    await _put(cloud, "half", bytes(2_000_000))
    assert (await cloud.read(f"{_OBJECTS}/half"))["size"] == "2000000"


async def _answer(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def _bucket(cloud: CrashCloud) -> None:
    made = await cloud.ask("POST", "/storage/v1/b?project=local", {"name": "kept", "location": "EU"})
    assert made is not None
    assert made.is_success, made.text


async def _put(cloud: CrashCloud, name: str, content: bytes) -> None:
    query = {"uploadType": "media", "name": name}
    put = await cloud.ask("POST", f"/upload{_OBJECTS}", content=content, params=query)
    assert put is not None
    assert put.is_success, put.text


@pytest.mark.parametrize("count", [1, pytest.param(40, marks=pytest.mark.campaign)])
def test_a_daemon_killed_as_it_starts_or_stops_costs_a_moment(count: int) -> None:
    async def story() -> None:
        rng = random.Random(count)  # noqa: S311 - repeatable
        async with crash_cloud() as cloud:
            await cloud.build()
            await cloud.group("web", 1)
            for _ in range(count):
                await _killed_under(cloud, "stop", rng)
                assert leftovers.after_stop(cloud.home) == []
                await _killed_under(cloud, "start", rng)
                assert len(victims.census(cloud.home)["daemon"]) == 1
            await cloud.at_rest("web", 1)

    asyncio.run(story())


async def _killed_under(cloud: CrashCloud, word: str, rng: random.Random) -> None:
    """Run a command and kill the daemon, the one that is there or the one that comes, at any moment of it."""
    old = victims.census(cloud.home)["daemon"]
    command = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "localcloud",
        word,
        env=cloud.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert command.stdout is not None
    said = asyncio.ensure_future(command.stdout.read())
    while not (pids := old or leftovers.daemons(cloud.home)) and not said.done():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.005)
    await asyncio.sleep(rng.random() * 0.6)  # the moment that is drawn
    await victims.kill(pids)
    assert await command.wait() == 0, (await said).decode()


def test_a_world_that_dies_is_followed_by_another() -> None:
    async def story() -> None:
        async with crash_cloud() as cloud:
            await cloud.build()
            await cloud.group("web", 2)
            members = await cloud.at_rest("web", 2)
            before = victims.census(cloud.home)
            await victims.kill(before["holder"])
            await cloud.until("another world", lambda: victims.census(cloud.home)["holder"])
            await cloud.adopted()
            assert _identities(await cloud.at_rest("web", 2)) == _identities(members)
            await _reboot(cloud)

    asyncio.run(story())


async def _reboot(cloud: CrashCloud) -> None:
    """End everything at once and have what is on disk be from another boot of this machine; then start the cloud."""
    members = await cloud.at_rest("web", 2)
    await _bucket(cloud)
    await _put(cloud, "content", b"kept through it")
    one = members[0]["name"]
    await cloud.command("ssh", one, "--", "/bin/sh", "-c", "echo here > /srv/mark; sync")
    grown = await cloud.ask("POST", f"/compute/v1/{GROUPS}/web/resize", params={"size": 3})
    assert grown is not None
    assert grown.is_success, grown.text
    operation = grown.json()
    there = victims.census(cloud.home)
    await victims.kill([*there["keeper"], *there["daemon"], *there["plugin"], *there["holder"]])
    _another_boot(cloud)
    await cloud.command("start")
    after = await cloud.at_rest("web", 3)
    assert _identities(members) <= _identities(after), "the same instances, with the same addresses"
    assert (await cloud.command("ssh", one, "--", "cat", "/srv/mark")).strip() == "here", "its disk is kept"
    content = await cloud.ask("GET", f"{_OBJECTS}/content?alt=media")
    assert content is not None
    assert content.content == b"kept through it"
    path = f"/compute/v1/{operation['selfLink'].partition('/v1/')[2]}"

    async def done() -> bool:
        return bool((await cloud.read(path))["status"] == "DONE")

    await cloud.until("the end of the operation that was under way", done)


def _identities(members: list[dict[str, str]]) -> set[tuple[str, str, str]]:
    return {(each["name"], each["id"], each["address"]) for each in members}


def _another_boot(cloud: CrashCloud) -> None:
    """Have the records name processes of another boot: others that have their numbers now, and another boot's id."""
    me = ProcessRecord.mine()
    for name, started in (
        ("holder", "start_time"),
        ("daemon", "started"),
        ("keeper", "started"),
        ("plugin", "started"),
    ):
        file = cloud.home.run / f"{name}.json"
        record = json.loads(file.read_text())
        file.write_text(json.dumps({**record, "pid": me.pid, started: me.started + 1}))
    for file in (cloud.home.path / "instances").glob("*/machine.json"):
        _of_another_boot(file)


def _of_another_boot(file: Path) -> None:
    record = json.loads(file.read_text())
    file.write_text(json.dumps({**record, "host_boot": "00000000-0000-0000-0000-000000000000"}))
