"""Every request's way in: is it for us, what does it mean, who asks, may they, is it well-formed; then the handler's answer out."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from localcloud.api import errors, query_parameters, request_body
from localcloud.api.authorization import authorize
from localcloud.api.call import Answer, Call, Handler, Result
from localcloud.api.compute.catalog import image_projects
from localcloud.api.errors import ApiError
from localcloud.api.fields import compile_mask
from localcloud.api.links import key_of
from localcloud.api.mounts import UPLOAD, Style, mounted, router, style_of
from localcloud.api.permissions import permission_of, resource_of
from localcloud.api.sender import check_sender
from localcloud.api.storage import errors as storage_errors
from localcloud.api.storage.plain import plain_location, plain_object
from localcloud.api.storage.uploads import upload
from localcloud.discovery.invalid import InvalidRequestError
from localcloud.json_text import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from localcloud.api.cloud import Cloud
    from localcloud.api.router import Match
    from localcloud.identity import Principal

log = logging.getLogger(__name__)

_PATHS_KEPT = 2048


class Gateway:
    """The ASGI application behind every path of the API."""

    def __init__(self, cloud: Cloud, handlers: Mapping[str, Handler]) -> None:
        self._cloud = cloud
        self._handlers = handlers
        # Clients ask for the same few paths again and again: what those mean does not change in a cloud's life.
        self._known_path = lru_cache(_PATHS_KEPT)(self._path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        style: Style = "compute"
        answer: Answer | None = None
        try:
            headers = check_sender(scope["headers"], self._cloud.settings.allowed_hosts)
            path = _raw_path(scope)
            prefix, segments = mounted(path)
            if prefix is None:
                answer = self._plain(scope, headers, plain_location(headers["host"].partition(":")[0], path))
            else:
                style = style_of(prefix)
                result = await self._call(scope, receive, headers, prefix, segments)
                answer = result if isinstance(result, Answer) else self._rendered(result)
        except ApiError as error:
            answer = _json(error.body(style), error.code)
            if error.code == 401:
                answer.headers["www-authenticate"] = 'Bearer realm="https://accounts.google.com/"'
        except InvalidRequestError as error:
            answer = _json(errors.from_invalid(error).body(style), 400)
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            internal = ApiError(500, "internalError", "Internal error: see the local cloud's log.")
            answer = _json(internal.body(style), 500)
        await _send(answer, scope, send)

    def _rendered(self, result: Mapping[str, Any]) -> Answer:
        """Return the answer to a call; what stands in the store as it is has been made into text when it was written."""
        store = self._cloud.store
        key = key_of(str(result.get("selfLink", "")))
        text = store.text(key) if store.get(key) is result else None
        return _json(result) if text is None else Answer(content=text.encode())

    async def _call(
        self,
        scope: Scope,
        receive: Receive,
        headers: Mapping[str, str],
        prefix: tuple[str, ...],
        segments: tuple[str, ...],
    ) -> Result:
        match = self._match(scope, prefix, segments)
        method = match.method
        principal = self._principal(headers)
        handler = self._handlers.get(method.id)
        uploading = prefix == UPLOAD
        if uploading:
            handler = _no_handler  # the body is streamed instead
        if not method.kept or handler is None:
            raise errors.not_served(method.id)
        pairs = _query(scope)
        session = pairs.pop("upload_id", [""])[-1] if uploading else ""  # no discovery document knows it
        query = method.parameters().query(pairs)
        if query:
            query_parameters.check(query)
        if session:
            query["upload_id"] = session
        call = Call(self._cloud, method, self._known_path(match), query, principal, {}, headers)
        if "x-goog-fieldmask" in headers:  # as clients say it that have no query of their own
            query.setdefault("fields", headers["x-goog-fieldmask"])
        masked = compile_mask(query["fields"]) if query.get("fields") else None
        permission = permission_of(method.id)
        if permission is not None:
            if principal is None or not principal.owner:
                authorize(self._cloud, principal, permission, resource_of(call))
        elif principal is None:
            raise errors.unauthenticated(presented=False)
        if uploading:
            result: Result = await upload(call, request_body.parts(receive))
        else:
            if method.request is not None:
                call.body = request_body.validated(call, method.request, await request_body.read(receive))
            answered = handler(call)
            result = await answered if isinstance(answered, Awaitable) else answered
        return result if masked is None or isinstance(result, Answer) else masked(result)

    def _match(self, scope: Scope, prefix: tuple[str, ...], segments: tuple[str, ...]) -> Match:
        http = scope["method"]
        if prefix == UPLOAD and http in {"PUT", "DELETE"}:
            http = "POST"  # the chunks of a resumable upload, and its end
        if http == "HEAD":
            http = "GET"
        match = router(prefix).match(http, segments)
        if match is None or (prefix == UPLOAD and match.method.id != "storage.objects.insert"):
            raise errors.unknown_url(scope["path"])
        return match

    def _principal(self, headers: Mapping[str, str]) -> Principal | None:
        """Return who asks; None is nobody. A token that is nobody's is refused even where none is needed."""
        given = headers.get("authorization")
        if given is None:
            return None
        kind, _, token = given.partition(" ")
        principal = self._cloud.identities.whois(token.strip()) if kind.lower() == "bearer" else None
        if principal is None:
            raise errors.unauthenticated(presented=True)
        return principal

    def _path(self, match: Match) -> Mapping[str, str]:
        """Return the path's parameters by name; project, region and zone are those of this cloud."""
        path = dict(zip(match.method.names, match.values, strict=True))
        if not match.method.id.startswith("compute."):
            return path
        parameters = match.method.parameters()
        settings = self._cloud.settings
        for name, value in path.items():
            parameters.check_path(name, value)
        project = path["project"]
        if project == settings.project_number:
            path["project"] = settings.project
        elif project != settings.project and not (
            match.method.id.startswith("compute.images.") and project in image_projects()
        ):
            raise errors.not_found(f"projects/{project}")
        for name, known in (("region", settings.regions), ("zone", settings.zones)):
            if name in path and path[name] not in known:
                if match.method.id == f"compute.{name}s.get":
                    raise errors.not_found(f"projects/{path['project']}/{name}s/{path[name]}")
                raise errors.invalid(name, path[name], f"Unknown {name}.")
        return path

    def _plain(self, scope: Scope, headers: Mapping[str, str], location: tuple[str, str] | None) -> Answer:
        """Answer https://storage.googleapis.com/BUCKET/OBJECT, which speaks the XML API's errors."""
        if location is None:
            raise errors.unknown_url(scope["path"])
        if scope["method"] not in {"GET", "HEAD"}:
            return storage_errors.xml(storage_errors.reading_only())
        try:
            return plain_object(self._cloud, self._principal(headers), headers, location)
        except ApiError as error:
            return storage_errors.xml(error)


def _raw_path(scope: Scope) -> str:
    raw: bytes | None = scope.get("raw_path")
    return raw.decode("latin-1") if raw else str(scope["path"])


def _query(scope: Scope) -> dict[str, list[str]]:
    raw = scope["query_string"].decode("latin-1")
    return parse_qs(raw, keep_blank_values=True) if raw else {}


def _no_handler(_call: Call) -> Result:
    return {}


def _json(value: Mapping[str, Any], status: int = 200) -> Answer:
    return Answer(status, text_of(value).encode())


async def _send(answer: Answer, scope: Scope, send: Send) -> None:
    headers = (
        [(b"content-type", answer.content_type.encode("latin-1", "replace"))] if answer.status != 204 else []
    )
    headers += [
        (name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in answer.headers.items()
    ]
    content = answer.content
    if isinstance(content, bytes):
        headers.append((b"content-length", str(len(content)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if scope["method"] != "HEAD":
        async for chunk in content:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
