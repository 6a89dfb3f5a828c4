"""A client of an API that lives in this process: it checks every answer against the discovery document's schema."""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING, Any

import httpx

from localcloud.api.app import create_app
from localcloud.api.settings import ApiSettings
from localcloud.clock import VirtualClock
from localcloud.identity import Identities
from localcloud.store import Store
from tests.localcloud import driven
from tests.localcloud.api.answers import check, method_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from localcloud.discovery.json_value import JsonValue

OWNER = "owner-token-for-tests"
PROJECT = "p"
REGION = "europe-west1"
BASE = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"  # of links


class Api:
    """One cloud's API over a folder; `reopen` is what a restart of the daemon does."""

    def __init__(self, folder: Path, **settings: Any) -> None:  # noqa: ANN401 - ApiSettings' own
        self.folder = folder
        self._more = settings
        self.clock = VirtualClock()
        self.serial: dict[str, bytes] = {}
        self.client = driven.CHECKED  # who drives the methods, for the coverage page
        self._open()

    def _open(self) -> None:
        self.store = Store(self.folder / "state.db")
        self.identities = Identities(self.store, self.clock, OWNER)
        self.settings = ApiSettings(
            external_range="127.101.7.0/24",
            content=self.folder / "content",
            project=PROJECT,
            project_number="1",
            **self._more,
        )
        app = create_app(
            self.store, self.clock, self.identities, self.settings, lambda key: self.serial.get(key, b"")
        )
        self._loop = asyncio.Runner()
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9822")

    def close(self) -> None:
        self._loop.run(self._http.aclose())
        self._loop.close()
        self.store.close()

    def reopen(self) -> None:
        self.close()
        self._open()

    def raw(
        self, method: str, path: str, *, token: str | None = OWNER, **options: JsonValue
    ) -> httpx.Response:
        """Send a request; whatever answers it must fit the schema, and must not be a failure of the server."""
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        response = self._loop.run(self._http.request(method, path, headers=headers, **options))
        assert response.status_code < 500 or response.status_code in {501, 503}, response.text
        check(method, path, response.status_code, response.headers, response.content)
        if self.client and response.status_code < 400 and (found := method_of(method, path)) is not None:
            driven.note(self.client, (found.id,))
        return response

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, status: int = 200
    ) -> JsonValue:
        """Send a request that must be answered with this status; returns the JSON."""
        response = self.raw(method, path, json=body) if body is not None else self.raw(method, path)
        assert response.status_code == status, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else {}

    def get(self, path: str, *, status: int = 200) -> JsonValue:
        return self.call("GET", path, status=status)

    def post(self, path: str, body: Mapping[str, JsonValue] | None = None, *, status: int = 200) -> JsonValue:
        return self.call("POST", path, body or {}, status=status)

    def refused(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, str, str]:
        """Send a request that must fail; returns (status, reason, message)."""
        before = self.snapshot()
        response = self.raw(method, path, json=body) if body is not None else self.raw(method, path)
        assert 400 <= response.status_code < 600, f"{method} {path} was accepted: {response.text}"
        assert self.snapshot() == before, "a refused request changed the state"
        error = response.json()["error"]
        assert error["code"] == response.status_code
        reason = error["errors"][0]["reason"] if "errors" in error else error["status"]
        return response.status_code, reason, error["message"]

    def while_waiting(self, path: str, change: Callable[[], None], *, passing: float = 0) -> JsonValue:
        """POST to a path that waits, make a change and let so many cloud seconds pass meanwhile; returns the answer."""

        async def both() -> httpx.Response:
            asking = asyncio.ensure_future(
                self._http.post(path, headers={"authorization": f"Bearer {OWNER}"})
            )
            for _ in range(20):
                await asyncio.sleep(0)
            assert not asking.done(), "the call did not wait"
            change()
            await self.clock.advance(passing)
            return await asking

        return self._loop.run(both()).json()

    def later(self, seconds: float) -> None:
        """Let the cloud's time pass."""
        self._loop.run(self.clock.advance(seconds))

    def snapshot(self) -> dict[str, JsonValue]:
        """Return a copy of all documents, so that a change in place shows too."""
        return copy.deepcopy(dict(self.store.scan("")))


def region_path(collection: str, version: str = "v1") -> str:
    """Return the path of a regional collection."""
    return f"/compute/{version}/projects/{PROJECT}/regions/{REGION}/{collection}"


def global_path(collection: str, version: str = "v1") -> str:
    """Return the path of a global collection."""
    return f"/compute/{version}/projects/{PROJECT}/global/{collection}"
