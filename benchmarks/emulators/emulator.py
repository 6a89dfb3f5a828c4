"""A running server, and the requests of each kind of work."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_IMAGE = "projects/debian-cloud/global/images/family/debian-12"
DESCRIPTION: dict[str, Any] = {
    "machineType": "e2-small",
    "disks": [{"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": _IMAGE}}],
    "networkInterfaces": [{"subnetwork": "regions/europe-west1/subnetworks/bench"}],
    "metadata": {"items": [{"key": "startup-script-url", "value": "gs://bench-scripts/startup.sh"}]},
    "tags": {"items": ["bench"]},
}


@dataclass(frozen=True)
class Emulator:
    """One running server, with the requests (whole, as bytes) of each kind of work.

    Args:
        name: as the report calls it.
        port: where it listens on 127.0.0.1.
        pid: its process.
        prepare: requests to send first, once each.
        get: the request for the description that is called `seed-500`.
        pages: returns the requests that list all of the thousand, in order; asked for once they are there.
        seed: makes the requests that insert `seed-0`, `seed-1`, ...
        more: makes those that insert further ones, in another place, so that the list stays as long as it is.
    """

    name: str
    port: int
    pid: int
    get: bytes
    prepare: Sequence[bytes] = ()
    pages: Callable[[], Sequence[bytes]] = tuple
    seed: Iterator[bytes] = field(default_factory=lambda: iter(()))
    more: Iterator[bytes] = field(default_factory=lambda: iter(()))

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def request(
    port: int, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> bytes:
    """Return a whole HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def numbered(prefix: str) -> Iterator[str]:
    """Return names without end: PREFIX-0, PREFIX-1, ..."""
    return (f"{prefix}-{number}" for number in itertools.count())
