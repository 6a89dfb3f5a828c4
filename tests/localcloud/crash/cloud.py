"""A cloud to be killed in parts: a group that users talk to, another that is changed all the time, and one whose instance talks, too."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from localcloud.home import Home
from tests.localcloud.crash.talk import script
from tests.localcloud.loop.live import GLOBAL, REGION, TEMPLATES, LiveCloud

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

GROUPS = f"{REGION}/instanceGroupManagers"
SPEED = 3.0  # checks and repairs are waited for after each death
_LOOK_EVERY = 0.05
PATIENCE = 120.0  # real seconds: fails a test that hangs, and nothing else


class CrashCloud(LiveCloud):
    """What a test works with."""

    def __init__(self, home: Home, environment: Mapping[str, str]) -> None:
        super().__init__(home, SPEED)
        self.home, self.environment = home, environment
        self._single = httpx.AsyncClient(
            base_url=self._http.base_url,
            headers=self._http.headers,
            timeout=PATIENCE,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def template(self, name: str, version: str, *, broken: bool = False) -> None:
        """Make a template whose instances serve what these tests talk to."""
        del version, broken
        await self.call("POST", TEMPLATES, {"name": name, "properties": properties(script())})

    async def command(self, *words: str, statuses: tuple[int, ...] = (0,), before: Sequence[str] = ()) -> str:
        """Run a `localcloud` command, or give it to another; returns what was printed."""
        done = await asyncio.to_thread(
            subprocess.run,
            [*before, sys.executable, "-m", "localcloud", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in statuses, f"localcloud {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response | None:  # noqa: ANN401 - JSON
        """Send one request on a connection of its own; None if the connection broke before there was an answer."""
        try:
            return await self._single.request(method, path, json=body, **more)
        except httpx.TransportError:
            return None

    async def end(self) -> None:
        """Hang up."""
        await self._single.aclose()
        await super().end()

    async def read(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Read a resource, whatever dies meanwhile; None if there is none."""
        while (answer := await self.ask("GET", path)) is None:  # noqa: ASYNC110 - the end of an outage tells nobody
            await asyncio.sleep(_LOOK_EVERY)
        if answer.status_code == 404:
            return None
        assert answer.is_success, f"{path}: {answer.text}"
        return answer.json()

    async def until(self, what: str, wanted: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it returns
        """Wait until something is true (it may be awaitable), and return it."""
        last: Any = None
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    last = wanted()
                    if asyncio.iscoroutine(last):
                        last = await last
                    if last:
                        return last
                    await asyncio.sleep(_LOOK_EVERY)
        except TimeoutError as error:
            msg = f"not within {PATIENCE:g} s: {what}"
            raise AssertionError(msg) from error

    async def members(self, group: str) -> list[dict[str, Any]]:
        """Return the instances of a group as `localcloud instances` shows them."""
        found: list[dict[str, Any]] = await self.read("/localcloud/v1/instances")
        return [each for each in found if each["name"].startswith(f"{group}-")]

    async def at_rest(self, group: str, count: int) -> list[dict[str, Any]]:
        """Wait until a group has so many instances, all healthy and nothing to be done."""

        async def wanted() -> list[dict[str, Any]] | None:
            found = await self.members(group)
            well = [
                each
                for each in found
                if (each["action"], each["status"], each["balancer"]) == ("NONE", "RUNNING", "HEALTHY")
            ]
            return found if len(found) == len(well) == count else None

        found: list[dict[str, Any]] = await self.until(
            f"{group} has {count} healthy instances at rest", wanted
        )
        return found

    async def adopted(self) -> int:
        """Wait until a daemon has taken everything over; returns its process."""

        async def wanted() -> int | None:
            answer = await self.ask("GET", "/localcloud/v1/status")
            return int(answer.json()["pid"]) if answer is not None and answer.is_success else None

        pid: int = await self.until("a daemon that has adopted all", wanted)
        return pid


def properties(start_up: str) -> dict[str, Any]:
    """Return what a template, or an instance, is made of."""
    image = "projects/debian-cloud/global/images/family/debian-12"
    return {
        "machineType": "e2-small",
        "disks": [{"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": image}}],
        "networkInterfaces": [{"subnetwork": f"{REGION}/subnetworks/sub"}],
        "metadata": {"items": [{"key": "startup-script", "value": start_up}]},
    }


@asynccontextmanager
async def crash_cloud(
    before: Sequence[str] = (), settings: Mapping[str, str] | None = None
) -> AsyncIterator[CrashCloud]:
    """Start a cloud in a folder of its own; at the end stop it, and see that nothing of it is left.

    `before`: what the command that starts it is given to, if it is not executed as it is; `settings`: environment variables.
    """
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        environment = {
            **os.environ,
            "LOCALCLOUD_HOME": folder,
            "LOCALCLOUD_QUOTAS": "none",
            **(settings or {}),
        }
        command = [sys.executable, "-m", "localcloud"]
        await asyncio.to_thread(
            subprocess.run,
            [*before, *command, "start", "--speed", f"{SPEED:g}"],
            env=environment,
            check=True,
            capture_output=True,
        )
        cloud = CrashCloud(Home(Path(folder)), environment)
        try:
            yield cloud
        finally:
            await cloud.end()
            await asyncio.to_thread(
                subprocess.run, [*command, "stop"], env=environment, check=True, capture_output=True
            )


__all__ = ["GLOBAL", "GROUPS", "REGION", "CrashCloud", "crash_cloud", "properties"]
