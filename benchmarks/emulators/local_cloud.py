"""A whole local cloud, as `localcloud start` makes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.emulators.emulator import DESCRIPTION, Emulator, numbered, request
from benchmarks.lanes import send
from localcloud.daemon.config import CloudConfig
from localcloud.daemon.launch import running
from localcloud.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@contextmanager
def local_cloud(folder: Path) -> Iterator[Emulator]:
    """Start it: daemon, controllers, network, and the store on disk."""
    home = Home(folder)
    environ = os.environ | {"LOCALCLOUD_HOME": str(folder), "LOCALCLOUD_QUOTAS": "none"}
    command = [sys.executable, "-m", "localcloud"]
    subprocess.run([*command, "start"], env=environ, check=True, stdout=subprocess.DEVNULL)
    try:
        config, record = CloudConfig.load(home), running(home)
        if config is None or record is None:
            raise RuntimeError("the local cloud was started, and is not there")
        port = config.api_port
        headers = {"Authorization": f"Bearer {config.owner_token}", "Content-Type": "application/json"}
        project = f"/compute/v1/projects/{config.project}"

        def inserting(place: str, prefix: str) -> Iterator[bytes]:
            for name in numbered(prefix):
                body = json.dumps({"name": name, "properties": DESCRIPTION}).encode()
                yield request(port, "POST", f"{project}/{place}/instanceTemplates", body, headers)

        network = json.dumps({"name": "bench", "autoCreateSubnetworks": False}).encode()
        subnetwork = json.dumps(
            {"name": "bench", "network": "global/networks/bench", "ipCidrRange": "10.128.0.0/20"}
        ).encode()
        listing = f"{project}/global/instanceTemplates?maxResults=500"

        def pages() -> Sequence[bytes]:
            first = request(port, "GET", listing, headers=headers)
            (answer,) = send(port, [first])
            token = json.loads(answer.partition(b"\r\n\r\n")[2])["nextPageToken"]
            return [first, request(port, "GET", f"{listing}&pageToken={token}", headers=headers)]

        yield Emulator(
            "local cloud",
            port,
            record.pid,
            prepare=[
                request(port, "POST", f"{project}/global/networks", network, headers),
                request(port, "POST", f"{project}/regions/europe-west1/subnetworks", subnetwork, headers),
            ],
            get=request(port, "GET", f"{project}/global/instanceTemplates/seed-500", headers=headers),
            pages=pages,
            seed=inserting("global", "seed"),
            more=inserting("regions/europe-west1", "more"),
        )
    finally:
        subprocess.run([*command, "stop"], env=environ, check=True, stdout=subprocess.DEVNULL)
