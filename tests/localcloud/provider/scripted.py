"""A server whose answers a test writes down: what happens when Google refuses, fails, or takes its time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localcloud.provider.values import Value

if TYPE_CHECKING:
    from starlette.requests import Request

Answer = tuple[int, Value]
Handler = Callable[[Value], Answer]


def refused(status: int, message: str, reason: str) -> Answer:
    """Return an error in Google's shape."""
    return status, {
        "error": {"code": status, "message": message, "errors": [{"message": message, "reason": reason}]}
    }


class Scripted:
    """Answers by method and path (without query); each a handler of the request's body, or a list of which the last one stays."""

    def __init__(self, answers: dict[str, Handler | list[Answer] | Answer]) -> None:
        self.answers = answers
        self.requests: list[tuple[str, Value]] = []
        self.app = Starlette(
            routes=[Route("/{path:path}", self._handle, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]
        )

    async def _handle(self, request: Request) -> Response:
        raw = await request.body()
        body = json.loads(raw) if raw else None
        key = f"{request.method} {request.url.path}"
        self.requests.append((key, body))
        answer = self.answers.get(key)
        if answer is None:
            status, content = refused(404, f"{request.url.path} was not found", "notFound")
        elif callable(answer):
            status, content = answer(body)
        elif isinstance(answer, list):
            status, content = answer.pop(0) if len(answer) > 1 else answer[0]
        else:
            status, content = answer
        return JSONResponse(content, status)

    def sent(self, key: str) -> list[Value]:
        """Return the bodies of the requests of this method and path."""
        return [body for name, body in self.requests if name == key]
