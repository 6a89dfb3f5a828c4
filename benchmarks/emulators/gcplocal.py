"""gcplocal: an emulator of some of Google's APIs, in memory."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.emulators.emulator import DESCRIPTION, Emulator, numbered, request
from benchmarks.emulators.process import free_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def gcplocal(binaries: Path) -> Iterator[Emulator]:
    """Start gcplocal's server."""
    port = free_port()
    headers = {"Authorization": "Bearer bench", "Content-Type": "application/json"}
    zones = "/compute/v1/projects/local/zones"

    def inserting(zone: str, prefix: str) -> Iterator[bytes]:
        for name in numbered(prefix):
            body = json.dumps({"name": name, **DESCRIPTION}).encode()
            yield request(port, "POST", f"{zones}/{zone}/instances", body, headers)

    with serving([str(binaries / "gcplocal"), "start", "--port", str(port)], port) as pid:
        yield Emulator(
            "gcplocal",
            port,
            pid,
            get=request(port, "GET", f"{zones}/europe-west1-b/instances/seed-500", headers=headers),
            pages=lambda: [
                request(port, "GET", f"{zones}/europe-west1-b/instances?maxResults=1000", headers=headers)
            ],
            seed=inserting("europe-west1-b", "seed"),
            more=inserting("europe-west1-c", "more"),
        )
