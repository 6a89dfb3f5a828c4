"""The metadata server of one instance: an ASGI application for the socket at 169.254.169.254 in its network namespace.

What it answers is compared with Google's in docs/metadata.md, entry by entry.
"""

from __future__ import annotations

import asyncio
import html
import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from localcloud.guest import metadata_rendering
from localcloud.guest.metadata_rendering import JSON, TEXT, etag
from localcloud.guest.metadata_source import ATTRIBUTES_LIMIT

if TYPE_CHECKING:
    from localcloud.guest.listener import Receive, Scope, Send
    from localcloud.guest.metadata_source import MetadataSource

ROOT = "/computeMetadata/v1"
_LEGACY = ("/0.1", "/computeMetadata/v1beta1")  # versions that Google has ended, which asked for no header
_HEADERS = {
    "Metadata-Flavor": "Google",
    "Server": "Metadata Server for VM",
    "X-XSS-Protection": "0",
    "X-Frame-Options": "SAMEORIGIN",
}
_NO_ETAG = "NONE"
_LONGEST_WAIT = 3600.0  # real seconds; a longer wait is not refused but ends then, with what there is
_BODY_LIMIT = 256 << 10
_TRUE = frozenset({"true", "1", "yes", "y", "on"})
_ACCOUNTS = ["instance", "service-accounts"]
_GUEST_ATTRIBUTES = ["instance", "guest-attributes"]
_MINTED = ("identity", "token")  # of an account, made when they are asked for by name
# What is not part of a recursive answer. There is no host here to be maintained; on Google Cloud too this is what most machine types have.
_BY_NAME_ONLY = {("instance", "upcoming-maintenance"): "NONE"}
_HTML = "text/html; charset=UTF-8"


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
            return _forbidden(path, "Requests with X-Forwarded-For are not allowed.")
        if any(path == version or path.startswith(version + "/") for version in _LEGACY):
            words = (
                f"Legacy metadata endpoint accessed: {path}\nLegacy metadata endpoints are disabled. "
                "Please use the /v1/ endpoint."
            )
            return _forbidden(path, words)
        if path in {"", "/"}:  # by which clients find out where they are
            return _text("computeMetadata/\n")
        if request.headers.get("metadata-flavor") != "Google":
            return _forbidden(path, "Missing Metadata-Flavor:Google header.")
        if path in {"/computeMetadata", "/computeMetadata/"}:
            return _text("v1/\n")
        if path != ROOT and not path.startswith(ROOT + "/"):
            return _missing(path)
        parts = [part for part in path.removeprefix(ROOT).split("/") if part]
        if request.method in {"PUT", "DELETE"}:
            return await self._write(request, parts)
        if request.method not in {"GET", "HEAD"}:
            return _not_allowed(request)
        if parts[:2] == _GUEST_ATTRIBUTES and not self._source.guest_attributes_enabled():
            return _disabled()
        if len(parts) == 4 and parts[:2] == _ACCOUNTS and parts[3] in _MINTED and not path.endswith("/"):
            return self._credential(request, parts[2], parts[3])
        return await self._read(request, parts)

    # Reading.

    async def _read(self, request: Request, parts: Sequence[str]) -> Response:
        query, path = request.query_params, request.url.path
        recursive = query.get("recursive", "").lower() in _TRUE
        waiting = query.get("wait_for_change", "").lower() in _TRUE
        found = self._lookup(parts)
        if found is not None and isinstance(found[0], Mapping) and not recursive:
            for name, asked in (("alt", "alt" in query), ("wait_for_change", waiting)):
                if asked:
                    words = f"{name} is for values, and {path} is a directory: ask for recursive=true too."
                    return _page(400, "Bad Request", words)
        if waiting:
            found = await self._changed(
                parts, query.get("last_etag", ""), _seconds(query.get("timeout_sec", ""))
            )
        if found is None:
            return _missing(path)
        value = found[0]
        if not isinstance(value, Mapping):
            if path.endswith("/"):
                return _missing(path)
        elif not recursive and not path.endswith("/"):
            return _moved(request)
        further = _MINTED if len(parts) == 3 and parts[:2] == _ACCOUNTS else ()
        kind, body = metadata_rendering.render(
            parts[-1] if parts else "",
            value,
            recursive=recursive,
            alternative=query.get("alt", ""),
            further=further,
        )
        response = _text(body, kind=kind)
        response.headers["ETag"] = etag(value)
        return response

    def _lookup(self, parts: Sequence[str]) -> tuple[Any] | None:
        if tuple(parts) in _BY_NAME_ONLY:
            return (_BY_NAME_ONLY[parts[0], parts[1]],)
        value: Any = self._source.tree()
        for part in parts:
            if not isinstance(value, Mapping) or part not in value:
                return None
            value = value[part]
        return (value,)

    async def _changed(self, parts: Sequence[str], last_etag: str, seconds: float) -> tuple[Any] | None:
        """Wait until the value differs from the one with this etag (or from the present one), but no longer than asked."""
        arrived = asyncio.Event()
        unwatch = self._source.watch(arrived.set)
        try:
            found = self._lookup(parts)
            base = last_etag or (etag(found[0]) if found else _NO_ETAG)
            end = time.monotonic() + min(seconds or _LONGEST_WAIT, _LONGEST_WAIT)
            while (etag(found[0]) if found else _NO_ETAG) == base:
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
        known, query = self._source.account(account), request.query_params
        if known is None:
            return _missing(request.url.path)
        email, scopes = known
        if kind == "token":
            asked = [scope for scope in query.get("scopes", "").split(",") if scope]
            token = self._source.token(
                email, [scope for scope in scopes if scope in asked] if asked else scopes
            )
            if query.get("alt") == "text":
                return _text("".join(f"{key} {value}\n" for key, value in token.items()))
            return _text(json.dumps(token, separators=(",", ":")), kind=JSON)
        audience = query.get("audience", "")
        if not audience:
            return _text("non-empty audience parameter required", status=400, kind="text/html")
        signed = self._source.identity_token(
            email,
            audience,
            full=query.get("format") == "full",
            licenses=query.get("licenses", "").lower() in _TRUE,
        )
        return _text(signed, kind="text/html")

    # Guest attributes.

    async def _write(self, request: Request, parts: Sequence[str]) -> Response:
        if len(parts) != 4 or parts[:2] != _GUEST_ATTRIBUTES:
            return _not_allowed(request)
        if not self._source.guest_attributes_enabled():
            return _disabled()
        if request.method == "DELETE":
            found = self._source.set_guest_attribute(parts[2], parts[3], None)
            return Response(status_code=200) if found else _missing(request.url.path)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _BODY_LIMIT:  # no more of it is taken in
                return _too_large(f"A guest attribute has at most {_BODY_LIMIT} bytes.")
        value = body.decode("utf-8", "replace")
        if not self._source.has_room_for(parts[2], parts[3], value):
            return _too_large(f"An instance's guest attributes have at most {ATTRIBUTES_LIMIT} bytes in all.")
        self._source.set_guest_attribute(parts[2], parts[3], value)
        return Response(status_code=200)


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0


def _text(body: str, status: int = 200, *, kind: str = TEXT) -> Response:
    response = Response(body.encode("utf-8", "surrogateescape"), status_code=status)
    response.headers["Content-Type"] = kind
    return response


def _moved(request: Request) -> Response:
    """Lead from a directory's name without a slash to the one with it, with the same query."""
    place = request.url.path + "/" + (f"?{request.url.query}" if request.url.query else "")
    response = _text(place + "\n", status=301, kind="text/html")
    response.headers["Location"] = f"http://{request.headers.get('host', 'metadata.google.internal')}{place}"
    return response


def _missing(path: str) -> Response:
    return _page(
        404, "Not Found", f"The requested URL <code>{html.escape(path)}</code> was not found on this server."
    )


def _forbidden(path: str, words: str) -> Response:
    client = (
        f"Your client does not have permission to get URL <code>{html.escape(path)}</code> from this server."
    )
    return _page(403, "Forbidden", f"{client} {html.escape(words)}")


def _disabled() -> Response:
    return _text("Guest attributes endpoint access is disabled.", status=403, kind=_HTML)


def _too_large(words: str) -> Response:
    response = _page(413, "Request Entity Too Large", words)
    response.headers["Connection"] = "close"  # the rest of the body is not waited for
    return response


def _not_allowed(request: Request) -> Response:
    words = f"The method {request.method} is not allowed for the URL <code>{html.escape(request.url.path)}</code>."
    return _page(405, "Method Not Allowed", words)


def _page(status: int, title: str, message: str) -> Response:
    body = f"<!DOCTYPE html>\n<html lang=en>\n<title>Error {status} ({title})</title>\n<p><b>{status}.</b> {message}\n"
    return _text(body, status=status, kind=_HTML)
