"""The metadata server of one instance: an ASGI application for the socket at 169.254.169.254 in its network namespace."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from localcloud.guest.listener import Receive, Scope, Send
    from localcloud.guest.metadata_source import MetadataSource

ROOT = "/computeMetadata/v1"
_HEADERS = {
    "Metadata-Flavor": "Google",
    "Server": "Metadata Server for VM",
    "X-XSS-Protection": "0",
    "X-Frame-Options": "SAMEORIGIN",
}
_NO_ETAG = "NONE"
_LONGEST_WAIT = 3600.0  # real seconds; a longer wait is not refused but ends then, with what there is
_BODY_LIMIT = 256 << 10
NUMBERED = frozenset({"access-configs", "disks", "dns-servers", "forwarded-ips", "forwarded-ipv6s", "ip-aliases", "licenses",
                      "network-interfaces", "target-instance-ips"})  # fmt: skip
TRUE = frozenset({"true", "1", "yes", "y", "on"})


class MetadataServer:
    """Answers for one instance, from the store's documents at that moment."""

    def __init__(self, source: MetadataSource) -> None:
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            response = await self._respond(Request(scope, receive))
            response.headers.update(_HEADERS)
            await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        path = request.url.path
        if "x-forwarded-for" in request.headers:
            return _page(
                403,
                "Forbidden",
                "Your client does not have permission to get URL: the header X-Forwarded-For is not allowed.",
            )
        if path in {"", "/"}:
            return _text("computeMetadata/\n")
        if path in {"/computeMetadata", "/computeMetadata/"}:
            return _text("v1/\n")
        if request.headers.get("metadata-flavor") != "Google":
            return _page(403, "Forbidden", "Missing Metadata-Flavor:Google header.")
        if path != ROOT and not path.startswith(ROOT + "/"):
            return _page(404, "Not Found", f"The requested URL {path} was not found on this server.")
        parts = [part for part in path.removeprefix(ROOT).split("/") if part]
        if request.method in {"PUT", "DELETE"}:
            return await self._write(request, parts)
        if request.method not in {"GET", "HEAD"}:
            return _page(
                405, "Method Not Allowed", f"The method {request.method} is not allowed for the URL {path}."
            )
        if (
            len(parts) == 4
            and parts[:2] == ["instance", "service-accounts"]
            and parts[3] in {"token", "identity"}
        ):
            return self._credential(request, parts[2], parts[3])
        return await self._read(request, parts)

    # Reading.

    async def _read(self, request: Request, parts: Sequence[str]) -> Response:
        query = request.query_params
        found = self._lookup(parts)
        if query.get("wait_for_change", "").lower() in TRUE:
            found = await self._changed(
                parts, query.get("last_etag", ""), _seconds(query.get("timeout_sec", ""))
            )
        if found is None:
            return _page(
                404, "Not Found", f"The requested URL {request.url.path} was not found on this server."
            )
        value = found[0]
        recursive = query.get("recursive", "").lower() in TRUE
        if isinstance(value, Mapping) and not recursive and not request.url.path.endswith("/"):
            response = Response(status_code=301)
            response.headers["Location"] = (
                f"http://{request.headers.get('host', 'metadata.google.internal')}{request.url.path}/"
            )
            return response
        response = _render(
            parts[-1] if parts else "", value, recursive=recursive, alternative=query.get("alt", "")
        )
        response.headers["ETag"] = _etag(value)
        return response

    def _lookup(self, parts: Sequence[str]) -> tuple[Any] | None:
        tree = self._source.tree()
        value: Any = tree
        for part in parts:
            if isinstance(value, list) and part.isdigit() and int(part) < len(value):
                value = value[int(part)]
            elif isinstance(value, Mapping) and part in value:
                value = value[part]
            else:
                return None
        return (value,)

    async def _changed(self, parts: Sequence[str], last_etag: str, seconds: float) -> tuple[Any] | None:
        """Wait until the value differs from the one with this etag (or from the present one), but no longer than asked."""
        arrived = asyncio.Event()
        unwatch = self._source.watch(arrived.set)
        try:
            found = self._lookup(parts)
            base = last_etag or (_etag(found[0]) if found else _NO_ETAG)
            end = time.monotonic() + min(seconds or _LONGEST_WAIT, _LONGEST_WAIT)
            while (_etag(found[0]) if found else _NO_ETAG) == base:
                try:
                    await asyncio.wait_for(arrived.wait(), max(0.0, end - time.monotonic()))
                except TimeoutError:
                    break
                arrived.clear()
                found = self._lookup(parts)
            return found
        finally:
            unwatch()

    # Credentials.

    def _credential(self, request: Request, account: str, kind: str) -> Response:
        known = self._source.account(account)
        if known is None:
            return _page(
                404, "Not Found", f"The requested URL {request.url.path} was not found on this server."
            )
        email, scopes = known
        if kind == "token":
            asked = [scope for scope in request.query_params.get("scopes", "").split(",") if scope]
            token = self._source.token(
                email, [scope for scope in scopes if scope in asked] if asked else scopes
            )
            return Response(json.dumps(token, separators=(",", ":")), media_type="application/json")
        audience = request.query_params.get("audience", "")
        if not audience:
            return _text("non-empty audience parameter required", status=400)
        return _text(
            self._source.identity_token(email, audience, full=request.query_params.get("format") == "full")
        )

    # Guest attributes.

    async def _write(self, request: Request, parts: Sequence[str]) -> Response:
        if len(parts) != 4 or parts[:2] != ["instance", "guest-attributes"]:
            return _page(
                405,
                "Method Not Allowed",
                f"The method {request.method} is not allowed for the URL {request.url.path}.",
            )
        if not self._source.guest_attributes_enabled():
            return _page(403, "Forbidden", "Guest attributes endpoint access is disabled.")
        if request.method == "DELETE":
            found = self._source.set_guest_attribute(parts[2], parts[3], None)
            return Response(status_code=200 if found else 404)
        body = await request.body()
        if len(body) > _BODY_LIMIT:
            return _page(
                413, "Request Entity Too Large", f"A guest attribute has at most {_BODY_LIMIT} bytes."
            )
        self._source.set_guest_attribute(parts[2], parts[3], body.decode("utf-8", "replace"))
        return Response(status_code=200)


def _render(name: str, value: object, *, recursive: bool, alternative: str) -> Response:
    if isinstance(value, Mapping) and not recursive:
        return _text(
            "".join(
                f"{key}/\n" if _is_directory(child) else f"{key}\n" for key, child in sorted(value.items())
            )
        )
    if alternative == "json" or (recursive and alternative != "text"):
        camelled = next(iter(_named_camel(name, value).values()))
        return Response(json.dumps(camelled, separators=(",", ":")), media_type="application/json")
    if recursive:
        return _text("".join(f"{path} {_plain(leaf)}\n" for path, leaf in _leaves(value, "")))
    if isinstance(value, tuple):  # tags: the one list that is JSON without being asked to be
        return Response(json.dumps(value, separators=(",", ":")), media_type="application/json")
    return _text("".join(f"{item}\n" for item in value)) if isinstance(value, list) else _text(_plain(value))


def _is_directory(value: object) -> bool:
    return isinstance(value, Mapping)


def _camel(value: object) -> object:
    """Render a tree as recursive JSON: camelCase keys (attributes' own keys stay), and lists where keys are numbers."""
    if not isinstance(value, Mapping):
        return value
    rendered: dict[str, object] = {}
    for key, child in value.items():
        if key in NUMBERED and isinstance(child, Mapping):
            rendered[camel(key)] = [_camel(child[index]) for index in sorted(child, key=int)]
        elif key in {"attributes", "guest-attributes"}:
            rendered[camel(key)] = child
        else:
            rendered[camel(key)] = _camel(child)
    return rendered


def _named_camel(name: str, value: object) -> dict[str, object]:
    """Render a value with the key it is found at, which decides how: under ``attributes`` the keys are the user's own."""
    rendered = _camel({name: value})
    return rendered if isinstance(rendered, dict) else {}


def camel(key: str) -> str:
    """Turn a path's kebab-case into JSON's camelCase; what is no such word (an email) stays."""
    if "@" in key or "." in key:
        return key
    first, *rest = key.split("-")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def _leaves(value: object, prefix: str) -> list[tuple[str, object]]:
    if isinstance(value, Mapping):
        return [
            leaf
            for key, child in sorted(value.items())
            for leaf in _leaves(child, f"{prefix}/{key}" if prefix else key)
        ]
    if isinstance(value, list):
        return [(f"{prefix}/{index}", item) for index, item in enumerate(value)]
    return [(prefix, value)]


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _etag(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0


def _text(body: str, status: int = 200) -> Response:
    response = Response(body.encode("utf-8", "surrogateescape"), status_code=status)
    response.headers["Content-Type"] = "application/text"
    return response


def _page(status: int, title: str, message: str) -> Response:
    body = f"<!DOCTYPE html>\n<html lang=en>\n<title>Error {status} ({title})</title>\n<p><b>{status}.</b> {message}\n"
    return Response(body, status_code=status, media_type="text/html; charset=UTF-8")
