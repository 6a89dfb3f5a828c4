"""The daemon's front door: the operator's API under its own path, Google's APIs under every other."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

OPERATOR = "/localcloud/v1"


class Front:
    """Two applications on one port. Google's is called as it is: nothing of a framework is between the server and it.

    The operator's is there only when the instances are: requests for it wait until `open` or `end`.
    """

    def __init__(self, api: ASGIApp) -> None:
        self._api = api
        self._operator: ASGIApp | None = None
        self._decided = asyncio.Event()

    def open(self, operator: ASGIApp) -> None:
        """Let the operator's API answer what is under its path; it is called with paths as they came."""
        self._operator = operator
        self._decided.set()

    def end(self) -> None:
        """Refuse from now on what waits for the operator's API: it does not come, or is no more."""
        self._operator = None
        self._decided.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        if not scope["path"].startswith(f"{OPERATOR}/"):
            await self._api(scope, receive, send)
            return
        await self._decided.wait()
        if self._operator is None:
            await _ending(send)
        else:
            await self._operator(scope, receive, send)


async def _ending(send: Send) -> None:
    body = json.dumps({"error": {"message": "this local cloud is ending; see its daemon.log"}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
