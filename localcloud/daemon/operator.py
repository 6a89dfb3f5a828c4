"""The operator's API, under ``/localcloud/v1``: what the `localcloud` command shows and does that Google's API has no word for."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from localcloud.clock import Clock, rfc3339
from localcloud.store import Event, Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from starlette.requests import Request

    from localcloud.daemon.report import CloudReport
    from localcloud.identity import Identities
    from localcloud.plans.machine import Machines

_ALL_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_TOKEN_LIFETIME = 12 * 3600  # cloud seconds: the longest that Google lets somebody be a service account


class Operator:
    """Routes of the operator's API. Errors are ``{"error": {"message": ...}}`` with a status that fits."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        machines: Machines,
        report: CloudReport,
        *,
        identities: Identities,
        stop: Callable[[], None],
    ) -> None:
        self._store, self._clock, self._machines = store, clock, machines
        self._report, self._identities, self._stop = report, identities, stop

    def routes(self) -> list[Route]:
        """Return the routes, to be mounted at ``/localcloud/v1``."""
        return [
            Route("/status", self._status),
            Route("/instances", self._instances),
            Route("/events", self._events),
            Route("/instances/{name}/crash", self._crash, methods=["POST"]),
            Route("/instances/{name}/hang", self._hang, methods=["POST"]),
            Route("/tokens", self._token, methods=["POST"]),
            Route("/stop", self._stop_cloud, methods=["POST"]),
        ]

    async def _status(self, _: Request) -> Response:
        return JSONResponse(await self._report.status())

    async def _instances(self, _: Request) -> Response:
        return JSONResponse(self._report.instances())

    async def _events(self, request: Request) -> Response:
        after = int(request.query_params.get("after", "0"))
        if request.query_params.get("follow") != "1":
            return StreamingResponse(self._past(after), media_type="application/x-ndjson")
        return StreamingResponse(self._follow(after), media_type="application/x-ndjson")

    async def _past(self, after: int) -> AsyncIterator[str]:
        while page := self._store.events(after):
            for event in page:
                yield self._line(event)
            after = page[-1].seq

    async def _follow(self, after: int) -> AsyncIterator[str]:
        arrived = asyncio.Event()
        unwatch = self._store.watch(lambda _, events: arrived.set() if events else None)
        try:
            while True:
                arrived.clear()
                for event in self._store.events(after):
                    after = event.seq
                    yield self._line(event)
                await arrived.wait()
        finally:
            unwatch()

    def _line(self, event: Event) -> str:
        return json.dumps({**asdict(event), "time": rfc3339(event.at)}) + "\n"

    async def _crash(self, request: Request) -> Response:
        instance = self._find(request.path_params["name"])
        if isinstance(instance, Response):
            return instance
        self._tell("operator.kill", instance["name"], "killed: all of its processes at once")
        await self._machines.crash(instance["id"])
        return JSONResponse(instance)

    async def _hang(self, request: Request) -> Response:
        instance = self._find(request.path_params["name"])
        if isinstance(instance, Response):
            return instance
        body = json.loads(await request.body() or b"{}")
        seconds = body.get("seconds") if isinstance(body, dict) else None
        if not isinstance(seconds, int | float) or not 0 < seconds <= 86_400:
            return _error(
                400,
                f"seconds {seconds!r}: must be a number of cloud seconds above 0 and at most 86400; for instance 20",
            )
        self._tell("operator.hang", instance["name"], f"hangs for {seconds:g} s", {"seconds": seconds})
        await self._machines.hang(instance["id"], float(seconds))
        return JSONResponse(instance)

    async def _token(self, request: Request) -> Response:
        """Let the owner be a service account for a while, to see what its roles allow."""
        body = json.loads(await request.body() or b"{}")
        email = body.get("email") if isinstance(body, dict) else None
        known = sorted(
            key.rpartition("/")[2] for key, _ in self._store.scan("iam/projects/") if _is_account(key)
        )
        if not isinstance(email, str) or email not in known:
            there = ", ".join(known) or "none"
            return _error(404, f"service account {email} does not exist; service accounts are: {there}")
        token = self._identities.mint(email, scopes=_ALL_SCOPES, instance_key=None, lifetime=_TOKEN_LIFETIME)
        return JSONResponse(asdict(token))

    async def _stop_cloud(self, _: Request) -> Response:
        asyncio.get_running_loop().call_soon(self._stop)
        return JSONResponse({})

    def _find(self, name: str) -> Mapping[str, Any] | Response:
        known = self._report.instances()
        for instance in known:
            if instance["name"] == name:
                if self._machines.look_at(instance["id"]) is not None:
                    return instance
                return _error(
                    409,
                    f"instance {name} has no machine now (status {instance['status']}); wait until it is RUNNING",
                )
        names = ", ".join(instance["name"] for instance in known) or "none"
        return _error(404, f"instance {name} does not exist; instances are: {names}")

    def _tell(self, kind: str, subject: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        with self._store.transaction() as change:
            change.event(Event(self._clock.now(), kind, subject, message, data or {}))


def _is_account(key: str) -> bool:
    """Tell an account's own document from those below it: its policy, its keys."""
    return key.count("/") == 4 and "/serviceAccounts/" in key


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": {"message": message}}, status)
