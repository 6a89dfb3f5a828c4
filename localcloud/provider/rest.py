"""Requests to Google's REST API: one connection pool, Google's errors, operations followed to their end."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import TYPE_CHECKING

import httpx

from localcloud.provider.errors import ApiError, CancelledByEngineError, OperationError, ProviderError
from localcloud.provider.values import Value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from localcloud.provider.endpoints import Endpoints

Body = dict[str, Value]

_FIRST_PAUSE = 0.01  # seconds between two looks at something that is not ready yet, doubling
_LONGEST_PAUSE = 0.25
_TRIES = 4
_UNAVAILABLE = (429, 502, 503)
_BROKEN_OFF = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)


class RestClient:
    """The API as one session sees it. `token` is asked for at each request, so that a renewed one is used at once."""

    def __init__(self, http: httpx.AsyncClient, endpoints: Endpoints, token: Callable[[], str]) -> None:
        self._http = http
        self.endpoints = endpoints
        self._token = token
        self._cancelled = asyncio.Event()
        self._again = False

    def again(self) -> RestClient:
        """Return a client whose first requests may have been sent before: that what they ask for is there is no refusal."""
        made = copy.copy(self)
        made._again = True  # noqa: SLF001 - of the same class
        return made

    def cancel(self) -> None:
        """Make every wait under way, and every later request, end with CancelledByEngineError."""
        self._cancelled.set()

    async def request(
        self,
        method: str,
        url: str,
        body: Body | None = None,
        *,
        content: bytes | None = None,
        content_type: str = "application/json",
        last_look: bool = False,
    ) -> Body:
        """Send one request and return the answer's JSON (empty for 204); ApiError if refused.

        `last_look`: also after a cancel, to see what became of a resource whose state is about to be kept.
        """
        if body is not None:
            content = json.dumps(body, separators=(",", ":")).encode()
        headers = {"authorization": f"Bearer {self._token()}"}
        if content is not None:
            headers["content-type"] = content_type
        pause = _FIRST_PAUSE
        lost = (
            self._again
        )  # an answer, with the daemon that was to give it; the next one takes the same request
        for attempt in range(_TRIES):
            if not last_look:
                self._stop_if_cancelled()
            last = attempt == _TRIES - 1
            try:
                response = await self._http.request(method, url, content=content, headers=headers)
            except httpx.TransportError as error:
                if last or not isinstance(error, _BROKEN_OFF):
                    msg = f"{method} {url}: the local cloud does not answer ({error!r}); see `localcloud status`"
                    raise ProviderError(msg) from error
                lost = True
            else:
                if response.status_code not in _UNAVAILABLE or last:
                    break
            await self._pause(pause)
            pause *= 4
        try:
            return _answer(response)
        except ApiError as error:
            if lost and _was_taken(method, error):
                return {}  # no operation to be followed: it is as was asked for
            raise

    async def wait(self, operation: Body, within: float) -> Body:
        """Follow a Compute operation until it is DONE and return it; OperationError with Google's message if it failed."""
        if operation.get("kind", "compute#operation") != "compute#operation" or "name" not in operation:
            return operation
        async for _ in self.polls(within, f"operation {operation['name']}"):
            if operation.get("status") == "DONE":
                break
            operation = await self.request("GET", self.endpoints.operation(operation))
        failures = (operation.get("error") or {}).get("errors") or []
        if failures or operation.get("httpErrorStatusCode", 200) >= 400:
            text = "; ".join(str(failure.get("message") or failure.get("code")) for failure in failures)
            raise OperationError(
                f"Error waiting for {operation.get('operationType', 'operation')}: {text or operation.get('httpErrorMessage')}"
            )
        return operation

    async def polls(self, within: float, what: str) -> AsyncIterator[None]:
        """Yield at once and then after growing pauses, until `within` seconds are over (ProviderError) or the engine cancels."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        pause = _FIRST_PAUSE
        while True:
            self._stop_if_cancelled()
            yield
            if loop.time() >= deadline:
                raise ProviderError(
                    f"{what}: not ready within {within:g} s; raise the resource's custom_timeouts, or see `localcloud events`"
                )
            await self._pause(min(pause, max(0.0, deadline - loop.time())))
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._cancelled.wait(), seconds)
        except TimeoutError:
            return

    def _stop_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise CancelledByEngineError("stopped because the engine was asked to cancel")


def _was_taken(method: str, error: ApiError) -> bool:
    """Tell from the refusal of a request that is sent again that it had been taken the first time."""
    if method == "POST":
        return error.status == 409 and error.reason in {"alreadyExists", "conflict", "ALREADY_EXISTS"}
    return method == "DELETE" and error.status == 404


def _answer(response: httpx.Response) -> Body:
    try:
        body = response.json() if response.content else {}
    except ValueError:
        body = None
    if response.is_error:
        raise ApiError.from_body(response.status_code, body, response.text)
    if not isinstance(body, dict):
        raise ProviderError(
            f"{response.request.method} {response.request.url}: the answer is not JSON: {response.text[:200]!r}"
        )
    return body
