"""The official provider's traffic for one program, and how to compare with it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from localcloud.provider.values import Value

FOLDER = Path(__file__).parent / "recorded"
HOST = "http://127.0.0.1:9822"
_TEMPLATE = re.compile(r"web-\d{18}[0-9a-f]{8}")
_BOUNDARY = re.compile(r"--[0-9a-f]{60}")


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


def calls(step: str) -> list[Call]:
    """Return the step's gRPC calls, in order."""
    lines = (FOLDER / f"{step}.grpc.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        Call(**{key: record[key] for key in ("method", "request", "response")})
        for record in map(json.loads, lines)
    ]


def exchanges(step: str) -> list[tuple[str, str, Value]]:
    """Return the step's HTTP requests: method, path with query, body."""
    lines = (FOLDER / f"{step}.http.jsonl").read_text(encoding="utf-8").splitlines()
    return [(record["method"], record["path"], record["body"]) for record in map(json.loads, lines)]


def normalized(text: str) -> str:
    """Return text with what varies from run to run replaced: rotating names, multipart boundaries."""
    return _BOUNDARY.sub("--BOUNDARY", _TEMPLATE.sub("web-ROTATED", text))


def request_key(method: str, path: str, body: Value) -> str:
    """Return one request as comparable text."""
    return normalized(f"{method} {path} {json.dumps(body, sort_keys=True)}")
