"""Who may use the operator's API: the cloud's owner, from a client that names this machine, never a web page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse

from localcloud.api.errors import ApiError
from localcloud.api.sender import check_sender

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from localcloud.identity import Identities

_HOSTS = frozenset({"127.0.0.1", "localhost"})


class OwnerOnly:
    """Passes on requests that carry the owner's token, are addressed to this machine and come from no web page."""

    def __init__(self, app: ASGIApp, identities: Identities) -> None:
        self._app, self._identities = app, identities

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        request = Request(scope)
        refusal = self._refusal(request)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            status, message = refusal
            await JSONResponse({"error": {"message": message}}, status)(scope, receive, send)

    def _refusal(self, request: Request) -> tuple[int, str] | None:
        try:
            headers = check_sender(request.headers.raw, _HOSTS)
        except ApiError as error:
            return error.code, error.message
        if b"%" in request.scope.get(
            "raw_path", b""
        ):  # nothing here needs it, and it would be one path said in two ways
            return 404, f"{request.url.path}: no path here has anything escaped"
        if "origin" in headers or "referer" in headers:
            return 403, "a web page may not use this API; use the localcloud command"
        scheme, _, token = headers.get("authorization", "").partition(" ")
        principal = self._identities.whois(token) if scheme.lower() == "bearer" else None
        if principal is None:
            return 401, "no token, or an unknown one; localcloud env prints what clients need"
        if not principal.owner:
            return 403, f"{principal.email} is not the cloud's owner; only the owner may use this API"
        return None
