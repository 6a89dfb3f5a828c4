"""The daemon's front door: the operator's API under its own path, Google's APIs under every other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Mount, Router

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

OPERATOR = "/localcloud/v1"


class Front:
    """Two applications on one port. Google's is called as it is: nothing of a framework is between the server and it."""

    def __init__(self, operator: ASGIApp, api: ASGIApp) -> None:
        self._operator = Router(routes=[Mount(OPERATOR, operator)])
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        app = self._operator if scope["path"].startswith(f"{OPERATOR}/") else self._api
        await app(scope, receive, send)
