"""A small cloud for these tests: the real data plane, API and sandboxes, and a clock that moves when told."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from localcloud.api.app import create_app
from localcloud.api.settings import ApiSettings
from localcloud.clock import VirtualClock
from localcloud.dataplane.world import World
from localcloud.guest.machines import Sandboxes
from localcloud.home import Home
from localcloud.identity import Identities
from localcloud.plans.machine import MachineSpec
from localcloud.plans.network import NetworkInterface, NetworkPlan, Subnetwork
from localcloud.store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from localcloud.guest.confinement import Confinement
    from localcloud.guest.limits import Limits
    from localcloud.guest.machine import Machine
    from localcloud.guest.session import Completed
    from localcloud.plans.machine import MachineView

EMAIL = "webserver@local.iam.gserviceaccount.com"
READ_ONLY = "https://www.googleapis.com/auth/devstorage.read_only"
OWNER = "owner-token-of-the-tests"
COMPUTE = "https://www.googleapis.com/compute/v1"
PATIENCE = 300  # seconds until a story that has got stuck is ended
ZONE = "projects/local/zones/europe-west1-b"
SUBNETWORK = Subnetwork(
    key="projects/local/regions/r/subnetworks/s", network="n", cidr="10.0.0.0/24", gateway="10.0.0.1"
)


def instance_document(
    number: int, name: str, metadata: Mapping[str, str], fields: Mapping[str, object]
) -> dict[str, object]:
    """Return an instance as the API keeps it."""
    return {
        "id": str(1000 + number),
        "name": name,
        "selfLink": f"{COMPUTE}/{ZONE}/instances/{name}",
        "zone": f"{COMPUTE}/{ZONE}",
        "machineType": f"{COMPUTE}/{ZONE}/machineTypes/e2-small",
        "metadata": {"items": [{"key": key, "value": value} for key, value in metadata.items()]},
        "tags": {"items": ["web", "blue"]},
        "networkInterfaces": [
            {"network": f"{COMPUTE}/projects/local/global/networks/n", "networkIP": f"10.0.0.{number + 1}"}
        ],
        "serviceAccounts": [{"email": EMAIL, "scopes": [READ_ONLY]}],
        **fields,
    }


def machine_spec(number: int, name: str, memory_mib: int = 1024, vcpus: float = 1) -> MachineSpec:
    """Return the machine of `instance_document`'s instance."""
    interface = NetworkInterface(
        instance=name, network="n", subnetwork=SUBNETWORK.key, address=f"10.0.0.{number + 1}"
    )
    return MachineSpec(
        key=f"compute/{ZONE}/instances/{name}",
        name=name,
        id=str(1000 + number),
        zone="europe-west1-b",
        interface=interface,
        gateway=SUBNETWORK.gateway,
        forwarded_addresses=(),
        memory_mib=memory_mib,
        vcpus=vcpus,
    )


class Cloud:
    """What a test works with."""

    def __init__(self, home: Home, world: World, store: Store, clock: VirtualClock) -> None:
        self.home, self.world, self.store, self.clock = home, world, store, clock
        self.identities = Identities(store, clock, OWNER)
        settings = ApiSettings(external_range="127.77.7.0/24", content=home.path / "objects")
        self.api = create_app(store, clock, self.identities, settings)
        self.machines = self.sandboxes()
        self.specs: dict[str, MachineSpec] = {}

    def sandboxes(self, limits: Limits | None = None, confinement: Confinement | None = None) -> Sandboxes:
        """Make what runs machines, as a daemon does at its start."""
        return Sandboxes(
            self.home,
            self.store,
            self.clock,
            self.world,
            self.identities,
            self.api,
            limits=limits,
            confinement=confinement,
        )

    async def call(self, method: str, path: str, **request: object) -> httpx.Response:
        """Call the API as the cloud's owner."""
        transport = httpx.ASGITransport(app=self.api)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            headers = {"Authorization": f"Bearer {OWNER}"}
            response = await client.request(method, path, headers=headers, **request)  # type: ignore[arg-type]
        assert response.is_success, response.text
        return response

    async def put_object(self, name: str, content: str) -> None:
        """Write an object of the bucket `scripts`, making the bucket if need be."""
        if self.store.get("storage/b/scripts") is None:
            await self.call("POST", "/v1/projects/local/serviceAccounts", json={"accountId": "webserver"})
            await self.call("POST", "/storage/v1/b?project=local", json={"name": "scripts"})
        path = f"/upload/storage/v1/b/scripts/o?uploadType=media&name={name}"
        await self.call("POST", path, content=content.encode())

    async def allow_reading(self) -> None:
        """Let the instances' service account read the bucket's objects."""
        policy = (await self.call("GET", "/storage/v1/b/scripts/iam")).json()
        binding = {"role": "roles/storage.objectViewer", "members": [f"serviceAccount:{EMAIL}"]}
        policy["bindings"] = [*policy.get("bindings", []), binding]
        await self.call("PUT", "/storage/v1/b/scripts/iam", json=policy)

    def define(
        self, name: str, metadata: Mapping[str, str], memory_mib: int = 2048, **fields: object
    ) -> MachineSpec:
        """Put an instance into the store and return what its machine should be."""
        number = len(self.specs) + 1
        spec = self.specs[name] = machine_spec(number, name, memory_mib, vcpus=2)
        with self.store.transaction() as change:
            change.put(spec.key, instance_document(number, name, metadata, fields))
        return spec

    def set_metadata(self, spec: MachineSpec, metadata: Mapping[str, str]) -> None:
        """Change an instance's metadata."""
        items = [{"key": item, "value": value} for item, value in metadata.items()]
        with self.store.transaction() as change:
            change.put(spec.key, {**(self.store.get(spec.key) or {}), "metadata": {"items": items}})

    async def boot(
        self, script: str = "", name: str = "web-x7k2", memory_mib: int = 2048, **fields: object
    ) -> MachineSpec:
        """Define an instance with this start-up script and start its machine."""
        return await self.boot_with({"startup-script": script} if script else {}, name, memory_mib, **fields)

    async def boot_with(
        self,
        metadata: Mapping[str, str],
        name: str = "web-x7k2",
        memory_mib: int = 2048,
        **fields: object,
    ) -> MachineSpec:
        """Define an instance with this metadata and start its machine."""
        spec = self.define(name, metadata, memory_mib, **fields)
        await self.world.apply_network(
            NetworkPlan(
                subnetworks=(SUBNETWORK,), interfaces=tuple(each.interface for each in self.specs.values())
            )
        )
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
        """Wait until the instance has booted, start-up scripts and all; return what those said."""
        await self.said(spec, "systemctl is-system-running --wait")
        return await self.said(spec, "journalctl -u google-startup-scripts.service --no-pager")

    def machine(self, machine_id: str) -> Machine:
        """Return a machine as the sandboxes themselves hold it."""
        return self.machines._register.machine(machine_id)

    def view(self, spec: MachineSpec) -> MachineView:
        """Observe one machine."""
        return self.machines.observe()[spec.id]


@asynccontextmanager
async def small_cloud() -> AsyncIterator[Cloud]:
    """Open a cloud in a folder of its own; end everything of it afterwards."""
    path = Path(tempfile.mkdtemp(prefix="guest-"))
    home = Home(path)
    home.run.mkdir(parents=True, exist_ok=True)
    clock = VirtualClock()
    store = Store()
    world = await World.open(home, clock)
    try:
        await world.apply_network(NetworkPlan(subnetworks=(SUBNETWORK,)))
        cloud = Cloud(home, world, store, clock)
        try:
            yield cloud
        finally:
            await cloud.machines.release()
    finally:
        await world.stop()
        store.close()
        shutil.rmtree(path, ignore_errors=True)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds that only the kernel or an instance can bring about."""
    while not condition():  # noqa: ASYNC110 - nobody tells an event of it
        await asyncio.sleep(0.01)


def in_cloud(story: Callable[[Cloud], Awaitable[None]]) -> Callable[[], None]:
    """Run a test's story in a cloud of its own."""

    @wraps(story)
    def test() -> None:
        async def run() -> None:
            async with small_cloud() as cloud:
                await asyncio.wait_for(story(cloud), PATIENCE)

        asyncio.run(run())

    del test.__wrapped__  # or pytest takes the story's argument for a fixture
    return test
