"""One instance's metadata server, with what it draws from: for tests that need no instance."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx

from localcloud.clock import VirtualClock
from localcloud.guest.identity_token import IdentitySigner
from localcloud.guest.metadata import MetadataServer
from localcloud.guest.metadata_source import MetadataSource
from localcloud.identity import Identities
from localcloud.store import Store
from tests.localcloud.guest.cloud import COMPUTE, OWNER, SUBNETWORK, ZONE, instance_document, machine_spec

if TYPE_CHECKING:
    from pathlib import Path

KEY = f"compute/{ZONE}/instances/web-x7k2"
BOOT_DISK = f"{ZONE}/disks/web-x7k2"
IMAGE = "projects/debian-cloud/global/images/debian-12-bookworm-v20251111"
ROOT = "/computeMetadata/v1/"


class Server:
    """Answers requests as the instance's own, by `get` and `request`."""

    def __init__(self, folder: Path) -> None:
        self.store, clock = Store(), VirtualClock()
        self.identities = Identities(self.store, clock, OWNER)
        self.signer = IdentitySigner(folder / "key")
        self.source = MetadataSource(
            machine_spec(1, "web-x7k2"),
            self.store,
            clock,
            self.identities,
            signer=self.signer,
            project_number="42",
        )
        with self.store.transaction() as change:
            change.put("compute/" + SUBNETWORK.key, {"ipCidrRange": SUBNETWORK.cidr})
            disk = {"sourceImage": f"{COMPUTE}/{IMAGE}", "type": f"{COMPUTE}/{ZONE}/diskTypes/pd-balanced"}
            change.put("compute/" + BOOT_DISK, disk)
        self.put({"startup-script": "echo", "kebab-case-key": "v"})

    def put(self, metadata: dict[str, str], **fields: object) -> None:
        """Make the instance anew, with this metadata and these fields."""
        boot = {"boot": True, "deviceName": "boot", "index": 0, "source": f"{COMPUTE}/{BOOT_DISK}"}
        given = {"creationTimestamp": "2026-11-23T04:05:06.789-07:00", "disks": [boot], **fields}
        with self.store.transaction() as change:
            change.put(KEY, instance_document(1, "web-x7k2", metadata, given))

    async def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, content: str = ""
    ) -> httpx.Response:
        """Send one request; the headers are the required one unless others are given."""
        transport = httpx.ASGITransport(app=MetadataServer(self.source))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://metadata.google.internal"
        ) as client:
            flavor = {"Metadata-Flavor": "Google"} if headers is None else headers
            return await client.request(method, path, headers=flavor, content=content)

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """Get a path of the server."""
        return asyncio.run(self.request("GET", path, headers))

    def text(self, path: str) -> str:
        """Return what is at a path below the current version's root."""
        response = self.get(ROOT + path)
        assert response.status_code == 200, response.text
        return response.text
