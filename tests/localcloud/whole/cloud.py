"""A whole cloud behind its API: what the control tests' cloud is, but everything in it is asked for by requests."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx

from localcloud.api.app import create_app
from localcloud.api.settings import ApiSettings
from localcloud.control import faults
from localcloud.identity import Identities
from localcloud.store import Store
from tests.localcloud.control import cloud as simulated
from tests.localcloud.control import documents
from tests.localcloud.control.faults import Crashed, Faults, FragileDaemon

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.localcloud.control.watch import Watch

OWNER = "owner-token-for-tests"
PROJECT = f"projects/{documents.PROJECT}"
HERE = f"{PROJECT}/regions/{documents.REGION}"
GROUPS = f"{HERE}/instanceGroupManagers"
GLOBAL = f"{PROJECT}/global"
ZONES = tuple(f"{documents.REGION}-{letter}" for letter in "bcd")
PROBERS = ["35.191.0.0/16", "130.211.0.0/22", "209.85.152.0/22", "209.85.204.0/22"]


class WholeCloud:
    """One cloud with one group behind a balancer, driven from outside of its event loop."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.simulated = simulated.Cloud(seed, Store())
        self.faults = Faults(seed=seed)  # that the controllers' writes meet; none, until it is told a rate
        self._runner = asyncio.Runner()
        sim = self.simulated
        settings = ApiSettings(
            external_range="127.101.7.0/24",
            content=folder,
            project=documents.PROJECT,
            project_number="1",
        )
        app = create_app(sim.store, sim.clock, Identities(sim.store, sim.clock, OWNER), settings)
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False),
            base_url="http://127.0.0.1:9822/compute/v1/",
            headers={"authorization": f"Bearer {OWNER}"},
        )
        self._running = self._runner.run(self._start())

    async def _start(self) -> asyncio.Task[None]:
        # What dead controllers leave behind unfinished is of no interest.
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: (
                None
                if isinstance(context.get("exception"), Crashed)
                else loop.default_exception_handler(context)
            )
        )
        daemon = FragileDaemon(self.simulated, None, self.faults, lambda *_: None)
        running = asyncio.ensure_future(daemon.run())
        await self.simulated.advance(0)
        return running

    def close(self) -> None:
        """Stop everything; raises what ended the controllers, if anything did."""

        async def stop() -> None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            await self._http.aclose()

        self._runner.run(stop())
        self._runner.close()
        self.simulated.store.close()
        if not self._running.cancelled():
            self._running.result()

    def restart(self) -> None:
        """End the controllers and begin again with what is in the store."""

        async def stop() -> None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

        self._runner.run(stop())
        self._running = self._runner.run(self._start())

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._runner.run(self.simulated.advance(seconds))

    def call(
        self,
        http: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        statuses: tuple[int, ...] = (200,),
    ) -> Any:  # noqa: ANN401 - JSON
        """Send a request below ``compute/v1/``; returns the answer, which must have one of these statuses."""

        async def ask() -> httpx.Response:
            return await self._http.request(http, path, json=body)

        response = self._runner.run(ask())
        assert response.status_code in statuses, f"{http} {path} {body}: {response.text}\n{self.story()}"
        return response.json()

    def post(
        self, path: str, body: Mapping[str, Any] | None = None, *, statuses: tuple[int, ...] = (200,)
    ) -> Any:  # noqa: ANN401 - JSON
        """Send a POST."""
        return self.call("POST", path, body or {}, statuses=statuses)

    def crash(self, machine: str) -> None:
        """Kill a machine."""
        with suppress(Crashed):  # the controllers, who were told of it, died of it
            self._runner.run(self.simulated.machines.crash(machine))

    def hang(self, machine: str, seconds: float) -> None:
        """Stop a machine's processes for so long."""
        self._runner.run(self.simulated.machines.hang(machine, seconds))

    def power_off(self, machine: str) -> None:
        """Have a machine shut itself down."""
        with suppress(Crashed):
            self.simulated.machines.power_off(machine)

    def beta(self, http: str, path: str, body: Mapping[str, Any]) -> None:
        """Send a request to the beta version of the API; it must succeed."""
        self.call(http, f"http://127.0.0.1:9822/compute/beta/{path}", body)

    def lose_zone(self, zone: str, seconds: float) -> None:
        """Take a zone out for so long, as an operator asks for it."""
        store, now = self.simulated.store, self.simulated.clock.now()
        record = faults.parse(store, {"kind": "zone-outage", "zone": zone, "seconds": seconds}, now)
        name = f"fault-{store.next_number('fault')}"
        with store.transaction() as change:
            change.put(faults.PREFIX + name, {"name": name, **record})

    def watch(self, witness: Watch) -> None:
        """Have every commit looked at."""
        self.simulated.store.watch(witness)

    def machines(self) -> list[str]:
        """Return the ids of the machines that run, in order."""
        found = self.simulated.machines.guests.values()
        return sorted(guest.spec.id for guest in found if guest.state == "running")

    def story(self) -> str:
        """Render the events for failure messages."""
        return self.simulated.story()

    def listed(self, group: str = f"{GROUPS}/web") -> dict[str, dict[str, Any]]:
        """Return the group's instances by name, as the API lists them."""
        found = self.post(f"{group}/listManagedInstances")
        return {entry["name"]: entry for entry in found.get("managedInstances", [])}

    def build(self, base_name: str = "web") -> None:
        """Create the whole stack: network, firewall, both checks, template `t0`, a group of three, backend service and rule."""
        self.post(f"{GLOBAL}/networks", {"name": "web-net", "autoCreateSubnetworks": False})
        subnetwork = {"name": "web-sub", "network": "global/networks/web-net", "ipCidrRange": "10.128.0.0/20"}
        self.post(f"{HERE}/subnetworks", subnetwork)
        allowed = [{"IPProtocol": "tcp", "ports": ["8080"]}]
        firewall = {"name": "web-hc", "network": "global/networks/web-net", "sourceRanges": PROBERS}
        self.post(f"{GLOBAL}/firewalls", {**firewall, "allowed": allowed})
        block = {"type": "HTTP", "httpHealthCheck": {"port": 8080, "requestPath": "/healthz"}}
        slow = {"checkIntervalSec": 30, "timeoutSec": 10, "healthyThreshold": 1, "unhealthyThreshold": 5}
        self.post(f"{GLOBAL}/healthChecks", {"name": "web-autoheal", **block, **slow})
        self.post(f"{HERE}/healthChecks", {"name": "web-lb", **block})
        self.template("t0")
        self.post(
            GROUPS,
            {
                "name": "web",
                "baseInstanceName": base_name,
                "targetSize": 3,
                "versions": [{"instanceTemplate": "global/instanceTemplates/t0"}],
                "distributionPolicy": {"zones": [{"zone": f"zones/{zone}"} for zone in ZONES]},
                "autoHealingPolicies": [
                    {"healthCheck": "global/healthChecks/web-autoheal", "initialDelaySec": 120}
                ],
                "updatePolicy": policy(3, 0),
            },
        )
        service = {
            "name": "web",
            "protocol": "TCP",
            "loadBalancingScheme": "EXTERNAL",
            "healthChecks": [f"{HERE}/healthChecks/web-lb"],
            "backends": [{"group": f"{HERE}/instanceGroups/web"}],
            "connectionDraining": {"drainingTimeoutSec": 30},
        }
        self.post(f"{HERE}/backendServices", service)
        rule = {"name": "web", "portRange": "8080", "backendService": f"{HERE}/backendServices/web"}
        self.post(f"{HERE}/forwardingRules", {**rule, "IPProtocol": "TCP", "loadBalancingScheme": "EXTERNAL"})

    def template(self, name: str) -> str:
        """Create a template, if it is not there; returns how the API is told of it."""
        image = "projects/debian-cloud/global/images/family/debian-12"
        metadata = {"items": [{"key": "startup-script-url", "value": f"gs://p-scripts/{name}.sh"}]}
        properties = {
            "machineType": "e2-small",
            "disks": [{"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": image}}],
            "networkInterfaces": [{"subnetwork": f"regions/{documents.REGION}/subnetworks/web-sub"}],
            "metadata": metadata,
            "tags": {"items": ["web"]},
        }
        self.post(
            f"{GLOBAL}/instanceTemplates", {"name": name, "properties": properties}, statuses=(200, 409)
        )
        return f"global/instanceTemplates/{name}"


def policy(surge: int, unavailable: int, **more: str) -> dict[str, Any]:
    """Return an update policy; both limits in instances."""
    return {
        "type": "PROACTIVE",
        "minimalAction": "REPLACE",
        "replacementMethod": "SUBSTITUTE",
        "maxSurge": {"fixed": surge},
        "maxUnavailable": {"fixed": unavailable},
        **more,
    }
