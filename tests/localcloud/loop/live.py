"""A whole local cloud of these tests' own: the daemon as `localcloud start` starts it, in a hurry, spoken to over its API."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from localcloud.daemon.config import CloudConfig
from localcloud.home import Home
from tests.localcloud.loop.service import PORT, script
from tests.localcloud.loop.story import Story

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from localcloud.discovery.json_value import JsonValue
    from tests.localcloud.loop.settings import Settings

REGION = "projects/local/regions/europe-west1"
GLOBAL = "projects/local/global"
TEMPLATES = f"{GLOBAL}/instanceTemplates"
# A new project's quotas are those of somebody who begins; these tests have a group and a balancer for each trial that is under way.
_QUOTAS = "none"
_OPERATION_PATIENCE = 60.0


class LiveCloud:
    """What a test works with: Compute's API, the operator's, and the story so far."""

    def __init__(self, home: Home, speed: float) -> None:
        self.speed = speed
        config = CloudConfig.load(home)
        assert config is not None
        headers = {"Authorization": f"Bearer {config.owner_token}"}
        self._http = httpx.AsyncClient(base_url=config.endpoint, headers=headers, timeout=_OPERATION_PATIENCE)
        self.story = Story(self._http)
        self._cloud = self._monotonic = 0.0

    async def begin(self) -> None:
        """Follow the story, and learn what the cloud's time is."""
        await self.story.begin()
        before = time.monotonic()
        clock = (await self._operator("GET", "/status"))["clock"]
        self._cloud, self._monotonic = clock["now"], (before + time.monotonic()) / 2

    async def end(self) -> None:
        """Hang up."""
        await self.story.end()
        await self._http.aclose()

    def now(self) -> float:
        """Return the cloud's time, good to some milliseconds of this machine's."""
        return self._cloud + (time.monotonic() - self._monotonic) * self.speed

    def real(self, cloud: float) -> float:
        """Return this machine's monotonic time at a time of the cloud's."""
        return self._monotonic + (cloud - self._cloud) / self.speed

    async def pass_time(self, seconds: float) -> None:
        """Let cloud seconds pass: part of what a trial is, never a way of waiting for something."""
        await asyncio.sleep(seconds / self.speed)

    # Compute's API ----------------------------------------------------------------------------------------------------------

    async def call(self, method: str, path: str, body: JsonValue = None) -> Any:  # noqa: ANN401 - JSON of the method called
        """Call Compute's API; what is refused fails the test."""
        answer = await self._http.request(method, f"/compute/v1/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    async def build(self) -> None:
        """Make the network, a firewall that lets probers and clients in, and a template whose instances serve."""
        await self.call("POST", f"{GLOBAL}/networks", {"name": "net", "autoCreateSubnetworks": False})
        network = f"{GLOBAL}/networks/net"
        subnetwork = {"name": "sub", "network": network, "ipCidrRange": "10.128.0.0/20"}
        await self.call("POST", f"{REGION}/subnetworks", subnetwork)
        allowed = [{"IPProtocol": "tcp", "ports": [str(PORT)]}]
        rule = {"name": "all", "network": network, "sourceRanges": ["0.0.0.0/0"], "allowed": allowed}
        await self.call("POST", f"{GLOBAL}/firewalls", rule)
        await self.template("first", "first")

    async def template(self, name: str, version: str, *, broken: bool = False) -> None:
        """Make a template; its instances say which version they are. A broken one passes its checks and fails its users."""
        image = "projects/debian-cloud/global/images/family/debian-12"
        properties = {
            "machineType": "e2-small",
            "disks": [{"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": image}}],
            "networkInterfaces": [{"subnetwork": f"{REGION}/subnetworks/sub"}],
            "metadata": {"items": [{"key": "startup-script", "value": script(version, broken=broken)}]},
        }
        await self.call("POST", TEMPLATES, {"name": name, "properties": properties})

    async def group(self, name: str, size: int, *, drain: int = 0) -> str:
        """Make a group with a balancer and two checks of its own; returns the balancer's address. `drain` in cloud seconds."""
        http = {"port": PORT, "requestPath": "/healthz"}
        for check in ("lb", "heal"):
            body = {"name": f"{name}-{check}", "type": "HTTP", "httpHealthCheck": http}
            await self.call("POST", f"{REGION}/healthChecks", body)
        healing = [{"healthCheck": f"{REGION}/healthChecks/{name}-heal", "initialDelaySec": 3600}]
        group = {
            "name": name,
            "baseInstanceName": name,
            "targetSize": size,
            "versions": [{"name": "first", "instanceTemplate": f"{TEMPLATES}/first"}],
            "autoHealingPolicies": healing,
        }
        await self.call("POST", f"{REGION}/instanceGroupManagers", group)
        backends = [{"group": f"https://www.googleapis.com/compute/v1/{REGION}/instanceGroups/{name}"}]
        service = {
            "name": name,
            "healthChecks": [f"{REGION}/healthChecks/{name}-lb"],
            "backends": backends,
            "connectionDraining": {"drainingTimeoutSec": drain},
        }
        await self.call("POST", f"{REGION}/backendServices", service)
        rule = {"name": name, "backendService": f"{REGION}/backendServices/{name}", "portRange": str(PORT)}
        await self.call("POST", f"{REGION}/forwardingRules", rule)
        return str((await self.call("GET", f"{REGION}/forwardingRules/{name}"))["IPAddress"])

    async def tune(self, check: str, settings: Settings) -> None:
        """Give a health check these settings."""
        body = {
            "checkIntervalSec": settings.interval,
            "timeoutSec": settings.timeout,
            "unhealthyThreshold": settings.unhealthy,
            "healthyThreshold": settings.healthy,
        }
        await self.call("PATCH", f"{REGION}/healthChecks/{check}", body)

    # The operator's API -----------------------------------------------------------------------------------------------------

    async def operate(self, instance: str, verb: str, **body: float) -> None:
        """Kill or hang an instance, as `localcloud kill` and `localcloud hang` do."""
        await self._operator("POST", f"/instances/{instance}/{ {'kill': 'crash'}.get(verb, verb) }", body)

    async def instances(self, group: str = "") -> list[dict[str, Any]]:
        """Return what `localcloud instances` shows, of one group or all, by name."""
        found: list[dict[str, Any]] = await self._operator("GET", "/instances")
        chosen = [each for each in found if not group or each["name"].startswith(f"{group}-")]
        return sorted(chosen, key=lambda each: str(each["name"]))

    async def lose_zone(self, zone: str) -> float:
        """Take a zone out, as `localcloud fault add zone-outage` does; returns since when, in the cloud's time."""
        fault = await self._operator("POST", "/faults", {"kind": "zone-outage", "zone": zone})
        assert fault["state"] == "in force", fault
        return float(fault["inForceAt"])

    async def clear_faults(self) -> None:
        """End all faults."""
        await self._operator("DELETE", "/faults")

    async def _operator(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - as above
        answer = await self._http.request(method, f"/localcloud/v1{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    async def settled(
        self,
        count: int,
        group: str = "",
        wanted: Callable[[Sequence[dict[str, Any]]], bool] = lambda _: True,
    ) -> list[dict[str, Any]]:
        """Wait until exactly so many instances (of a group, or all) are at rest, trusted by both checks, sent traffic and wanted."""
        while True:
            known = self.story.last
            found = await self.instances(group)
            well = [
                each
                for each in found
                if (each["action"], each["autohealing"], each["balancer"]) == ("NONE", "HEALTHY", "HEALTHY")
            ]
            if (
                len(found) == len(well) == count
                and wanted(found)
                and all(self._served(each["name"]) for each in found)
            ):
                return found
            await self.story.more(known)

    def _served(self, name: str) -> bool:
        """Whether it is in the balancer's table, as far as was told."""
        told = [event for event in self.story.of(name) if event["kind"].startswith("balancer.")]
        return bool(told) and told[-1]["kind"] == "balancer.added"


@asynccontextmanager
async def live_cloud(speed: float) -> AsyncIterator[LiveCloud]:
    """Start a cloud in a folder of its own, and take all of it down at the end."""
    with tempfile.TemporaryDirectory(prefix="loop-") as folder:
        environment = {**os.environ, "LOCALCLOUD_HOME": folder, "LOCALCLOUD_QUOTAS": _QUOTAS}
        command = [sys.executable, "-m", "localcloud"]
        start = [*command, "start", "--speed", f"{speed:g}"]
        await asyncio.to_thread(subprocess.run, start, env=environment, check=True, capture_output=True)
        cloud = LiveCloud(Home(Path(folder)), speed)
        try:
            await cloud.begin()
            yield cloud
        finally:
            await cloud.end()
            stop = [*command, "stop"]
            await asyncio.to_thread(subprocess.run, stop, env=environment, check=True, capture_output=True)
