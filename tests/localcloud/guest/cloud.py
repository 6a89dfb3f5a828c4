"""A small cloud for these tests: sandboxes, a store with instances, and a storage service to fetch from."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from localcloud.clock import RealClock
from localcloud.guest.machines import Sandboxes
from localcloud.home import Home
from localcloud.identity import Identities
from localcloud.plans.machine import MachineSpec, MachineView
from localcloud.plans.network import NetworkInterface, Subnetwork
from localcloud.store import Store
from tests.localcloud.guest.unshare_host import UnshareHost

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from localcloud.guest.listener import Receive, Scope, Send
    from localcloud.guest.session import Completed
    from localcloud.plans.world import MachineHost

EMAIL = "web@local.iam.gserviceaccount.com"
READ_ONLY = "https://www.googleapis.com/auth/devstorage.read_only"
SUBNETWORK = Subnetwork(
    key="projects/local/regions/r/subnetworks/s", network="n", cidr="10.0.0.0/24", gateway="10.0.0.1"
)
DENIED = f"{EMAIL} does not have storage.objects.get access to the Google Cloud Storage object."


class Storage:
    """Objects by path, readable by the accounts in `readers`, over Cloud Storage's XML API."""

    def __init__(self, identities: Identities) -> None:
        self.objects: dict[str, bytes] = {}
        self.readers: set[str] = set()
        self.requests: list[tuple[str, str]] = []  # path, email (empty: nobody's token)
        self._identities = identities

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._respond(Request(scope, receive))(scope, receive, send)

    def _respond(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        caller = self._identities.whois(token) if token else None
        self.requests.append((request.url.path, caller.email if caller else ""))
        if caller is None or caller.email not in self.readers:
            who = caller.email if caller else "Anonymous caller"
            details = f"{who} does not have storage.objects.get access to the Google Cloud Storage object."
            body = f"<Error><Code>AccessDenied</Code><Message>Access denied.</Message><Details>{details}</Details></Error>"
            return Response(body, status_code=403, media_type="application/xml")
        found = self.objects.get(request.url.path)
        return PlainTextResponse(found) if found is not None else Response(status_code=404)


class Cloud:
    """What a test works with."""

    def __init__(self, home: Home, host: MachineHost, clock: RealClock, store: Store) -> None:
        self.home, self.host, self.clock, self.store = home, host, clock, store
        self.identities = Identities(store, clock, "owner-token-of-the-tests")
        self.storage = Storage(self.identities)
        self.machines = self.sandboxes()
        self.specs: dict[str, MachineSpec] = {}

    def sandboxes(self) -> Sandboxes:
        """Make what runs machines, as a daemon does at its start."""
        return Sandboxes(self.home, self.store, self.clock, self.host, self.identities, self.storage)

    def define(
        self, name: str = "web-x7k2", metadata: Mapping[str, str] | None = None, **fields: object
    ) -> MachineSpec:
        """Put an instance into the store and return what its machine should be."""
        number = len(self.specs) + 1
        key = f"compute/projects/local/zones/europe-west1-b/instances/{name}"
        items = [{"key": item, "value": value} for item, value in (metadata or {}).items()]
        document = {
            "id": str(1000 + number),
            "name": name,
            "selfLink": f"https://www.googleapis.com/compute/v1/{key.removeprefix('compute/')}",
            "zone": "https://www.googleapis.com/compute/v1/projects/local/zones/europe-west1-b",
            "machineType": "https://www.googleapis.com/compute/v1/projects/local/zones/europe-west1-b/machineTypes/e2-small",
            "metadata": {"items": items},
            "tags": {"items": ["web"]},
            "networkInterfaces": [{"network": "global/networks/n", "networkIP": f"10.0.0.{number + 1}"}],
            "serviceAccounts": [{"email": EMAIL, "scopes": [READ_ONLY]}],
            **fields,
        }
        with self.store.transaction() as change:
            change.put(key, document)
        interface = NetworkInterface(
            instance=name, network="n", subnetwork=SUBNETWORK.key, address=f"10.0.0.{number + 1}"
        )
        self.specs[name] = MachineSpec(
            key=key, name=name, id=str(1000 + number), zone="europe-west1-b", interface=interface, gateway=SUBNETWORK.gateway,
            forwarded_addresses=(), memory_mib=2048, vcpus=2.0,
        )  # fmt: skip
        return self.specs[name]

    def set_metadata(self, spec: MachineSpec, metadata: Mapping[str, str]) -> None:
        """Change an instance's metadata."""
        items = [{"key": item, "value": value} for item, value in metadata.items()]
        with self.store.transaction() as change:
            change.put(spec.key, {**(self.store.get(spec.key) or {}), "metadata": {"items": items}})

    async def boot(
        self, name: str = "web-x7k2", metadata: Mapping[str, str] | None = None, **fields: object
    ) -> MachineSpec:
        """Define an instance and start its machine."""
        spec = self.define(name, metadata, **fields)
        await self.machines.start(spec)
        return spec

    async def run(self, spec: MachineSpec, script: str) -> Completed:
        """Run a shell script on an instance."""
        return await self.machines.exec(spec.id, ["/bin/bash", "-c", script])

    async def said(self, spec: MachineSpec, script: str) -> str:
        """Run a shell script on an instance and return what it printed, its errors too."""
        done = await self.run(spec, f"exec 2>&1\n{script}")
        return done.stdout.decode()

    async def settled(self, spec: MachineSpec) -> str:
        """Wait for the end of the start-up scripts and return their journal."""
        wait = "until journalctl -q -u google-startup-scripts -f -n 1000 -o cat | grep -qm1 'Finished Google'; do :; done"
        return await self.said(spec, f"{wait}; journalctl -u google-startup-scripts.service --no-pager")

    def view(self, spec: MachineSpec) -> MachineView:
        """Observe one machine."""
        return self.machines.observe()[spec.id]


@asynccontextmanager
async def small_cloud(folder: Path | None = None) -> AsyncIterator[Cloud]:
    """Open a cloud in a folder of its own; end everything of it afterwards."""
    path = folder or Path(tempfile.mkdtemp(prefix="guest-"))
    home = Home(path)
    home.run.mkdir(parents=True, exist_ok=True)
    clock = RealClock()
    store = Store()
    cloud = Cloud(home, UnshareHost(), clock, store)
    try:
        yield cloud
    finally:
        for spec in cloud.specs.values():
            await cloud.machines.stop(spec.id, grace=0)
        await cloud.machines.release()
        store.close()
        shutil.rmtree(path, ignore_errors=True)
