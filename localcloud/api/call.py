"""One request on its way through the API, and what answers it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.api.cloud import Cloud
from localcloud.discovery.document import Method
from localcloud.identity import Principal

Json = dict[str, Any]


@dataclass(slots=True)
class Call:
    """A request, understood: which method, with checked parameters and body. `path` maps parameter names to values."""

    cloud: Cloud
    method: Method
    path: Mapping[str, str]
    query: Mapping[str, Any]
    principal: Principal | None
    body: Json = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""  # of what is asked, for requests with an id of their own

    def identify(self) -> str:
        """Return the request's id, noting what is asked under it before a handler changes the body; empty if it has none."""
        given = str(self.query.get("requestId") or "")
        if given and not self.fingerprint:
            query = sorted((name, str(value)) for name, value in self.query.items() if name != "requestId")
            text = json.dumps([self.method.id, dict(self.path), query, self.body], sort_keys=True)
            self.fingerprint = hashlib.sha256(text.encode()).hexdigest()[:16]
        return given


@dataclass(slots=True)
class Answer:
    """What is not plain JSON with status 200: bytes, other statuses, headers."""

    status: int = 200
    content: bytes | AsyncIterator[bytes] = b""
    content_type: str = "application/json; charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)


Result = Mapping[str, Any] | Answer
Handler = Callable[[Call], Result | Awaitable[Result]]
