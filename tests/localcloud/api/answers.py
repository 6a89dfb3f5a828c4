"""Which of Google's methods a request means, and whether its answer fits that method's schema: for whoever watches requests."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from localcloud.api.router import Router
from localcloud.discovery.document import ApiName, Method, load
from localcloud.discovery.validator import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping

# Longer prefixes first. The last holds for the hosts of APIs whose paths begin with their version.
_APIS: dict[str, tuple[ApiName, ...]] = {
    "/compute/v1/": ("compute.v1",),
    "/compute/beta/": ("compute.beta",),
    "/upload/storage/v1/": ("storage.v1",),
    "/download/storage/v1/": ("storage.v1",),
    "/storage/v1/": ("storage.v1",),
    "/iam/v1/": ("iam.v1",),
    "/crm/v1/": ("cloudresourcemanager.v1",),
    "/serviceusage/v1/": ("serviceusage.v1",),
    "/secretmanager/v1/": ("secretmanager.v1",),
    "/monitoring/v1/": ("monitoring.v1",),
    "/monitoring/v3/": ("monitoring.v3",),
    "/v3/": ("monitoring.v3",),
    "/v1/": ("iam.v1", "cloudresourcemanager.v1", "serviceusage.v1", "secretmanager.v1", "monitoring.v1"),
}


def method_of(http: str, path: str) -> Method | None:
    """Return the method that a request with this path (percent-encoded, with or without query) means, or None."""
    plain = urlsplit(path).path
    for prefix, names in _APIS.items():
        if not plain.startswith(prefix):
            continue
        if prefix.startswith("/upload/"):
            http = "POST"  # chunks are PUT, their end may be DELETE: it is one insertion
        segments = tuple(unquote(part) for part in plain.removeprefix(prefix).strip("/").split("/"))
        for name in names:
            match = _router(name).match("GET" if http == "HEAD" else http, segments)
            if match is not None:
                return match.method
        return None
    return None


def check(http: str, path: str, status: int, headers: Mapping[str, str], content: bytes) -> None:
    """Fail if an answer with JSON does not fit what the method's schema says; partial ones are cut, so they are not looked at.

    Raises:
        InvalidRequestError: it does not fit.
    """
    if status != 200 or not content or "application/json" not in headers.get("content-type", ""):
        return
    query = urlsplit(path).query
    if "fields=" in query or "alt=media" in query:
        return
    method = method_of(http, path)
    if method is not None and method.response is not None:
        method.api.validator(method.response, Mode.RESPONSE)(json.loads(content), "answer")


@cache
def _router(name: ApiName) -> Router:
    return Router(load(name).methods.values(), verbs=not name.startswith(("compute.", "storage.")))
