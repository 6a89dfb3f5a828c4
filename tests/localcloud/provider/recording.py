"""The official provider's traffic for one program, and how to compare with it."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from localcloud.provider.values import Value

FOLDER = Path(__file__).parents[1] / "recorded"
PROGRAMS = ("small", "rich")
STEPS = ("0-preview", "1-create", "2-unchanged", "3-refresh", "4-update", "5-destroy")
_BOUNDARY = re.compile(r"--[0-9a-f]{60}")
_ROTATED = re.compile(r"^[a-z]+-(\d{18})([0-9a-f]{8})$")
# What the recording's server wrote into the request that it then recorded: the provider never sent it.
_ADDED = re.compile(r', "name": "projects/p/alertPolicies/\d+/conditions/\d+"')


@dataclass(frozen=True)
class Call:
    """One gRPC call: method, request and response as JSON."""

    method: str
    request: dict[str, Value]
    response: dict[str, Value]

    @property
    def label(self) -> str:
        """Return a name for test output."""
        return f"{self.method} {self.request.get('name', self.request.get('tok', ''))}"


@dataclass(frozen=True)
class Recording:
    """One program's recording. `host` is where the recording's server was."""

    program: str

    @property
    def host(self) -> str:
        """Return the address of the server that was recorded."""
        port = {"small": 9822, "rich": 9833}[self.program]
        return f"http://127.0.0.1:{port}"

    def calls(self, step: str) -> list[Call]:
        """Return the step's gRPC calls, in order."""
        return [
            Call(**{key: record[key] for key in ("method", "request", "response")})
            for record in map(json.loads, self._lines(f"{step}.grpc.jsonl"))
        ]

    def exchanges(self, step: str) -> list[tuple[str, str, Value]]:
        """Return the step's HTTP requests: method, path with query, body."""
        records = map(json.loads, self._lines(f"{step}.http.jsonl"))
        return [(record["method"], record["path"], record["body"]) for record in records]

    def _lines(self, name: str) -> list[str]:
        path = FOLDER / self.program / name
        if path.exists():
            return path.read_text(encoding="utf-8").splitlines()
        return gzip.decompress(path.with_name(f"{name}.gz").read_bytes()).decode().splitlines()

    def created(self) -> dict[str, dict[str, Value]]:
        """Return what the recorded server had of each Compute resource when it was made, by relative link, in order."""
        return {
            call.response["id"]: call.response["properties"]
            for step in ("1-create", "4-update")
            for call in self.calls(step)
            if call.method == "Create" and ":compute/" in str(call.request.get("type", call.request["urn"]))
        }

    def rotations(self, collection: str) -> list[tuple[datetime, int]]:
        """Return moment and count of each rotated template name, in the order in which the templates were made."""
        names = [link.rpartition("/") for link in self.created()]
        found = [_ROTATED.match(name) for place, _, name in names if place.endswith(collection)]
        return [
            (datetime.strptime(match[1] + "00", "%Y%m%d%H%M%S%f").replace(tzinfo=UTC), int(match[2], 16))
            for match in found
            if match
        ]


def request_key(method: str, path: str, body: Value) -> str:
    """Return one request as comparable text, without what varies from run to run: multipart boundaries."""
    return _BOUNDARY.sub("--BOUNDARY", _ADDED.sub("", f"{method} {path} {json.dumps(body, sort_keys=True)}"))
