"""One request on its way through the API, and what answers it."""

from __future__ import annotations

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


@dataclass(slots=True)
class Answer:
    """What is not plain JSON with status 200: bytes, other statuses, headers."""

    status: int = 200
    content: bytes | AsyncIterator[bytes] = b""
    content_type: str = "application/json; charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)


Result = Mapping[str, Any] | Answer
Handler = Callable[[Call], Result | Awaitable[Result]]
