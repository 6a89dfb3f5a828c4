"""Faults by the operator's API: ``/faults`` lists them, adds one, and ends one or all. Errors say what is wrong and what would be right."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localcloud.clock import Clock, rfc3339
from localcloud.control import faults
from localcloud.store import Document, Event, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

_PATIENCE = 45.0  # real seconds that an answer waits for a fault to be in force


class FaultRoutes:
    """Routes of the operator's API about faults. A fault is a record in the store; the controllers and the data plane do the rest."""

    def __init__(self, store: Store, clock: Clock, problems: Callable[[], Mapping[str, str]]) -> None:
        """`problems` returns what the data plane cannot do, by the fault's name."""
        self._store, self._clock, self._problems = store, clock, problems

    def routes(self) -> list[Route]:
        """Return the routes, to be mounted with the operator's."""
        return [
            Route("/faults", self._list, methods=["GET"]),
            Route("/faults", self._add, methods=["POST"]),
            Route("/faults", self._clear_all, methods=["DELETE"]),
            Route("/faults/{name}", self._clear, methods=["DELETE"]),
        ]

    async def _list(self, _: Request) -> Response:
        return JSONResponse([self._shown(record) for _, record in self._store.scan(faults.PREFIX)])

    async def _add(self, request: Request) -> Response:
        """Add a fault; answer when it is in force, or with what hinders it."""
        now = self._clock.now()
        try:
            body = json.loads(await request.body() or b"{}")
            if not isinstance(body, dict):
                return _error(400, f"body {body!r}: must be an object that describes the fault")
            record = faults.parse(self._store, body, now)
        except ValueError as error:
            return _error(400, str(error))
        name = f"fault-{self._store.next_number('fault')}"
        key = faults.PREFIX + name
        changed = asyncio.Event()
        unwatch = self._store.watch(lambda keys, _: changed.set() if key in keys else None)
        try:
            with self._store.transaction() as change:
                change.put(key, {"name": name, **record})
                self._tell(change.event, "fault.added", name, {"name": name, **record})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    while (current := self._store.get(key)) is not None and "inForceAt" not in current:
                        changed.clear()
                        await changed.wait()
        finally:
            unwatch()
        return JSONResponse(self._shown(self._store.get(key) or {"name": name, **record}))

    async def _clear(self, request: Request) -> Response:
        name = request.path_params["name"]
        if self._store.get(faults.PREFIX + name) is None:
            known = [each["name"] for _, each in self._store.scan(faults.PREFIX)]
            return _error(404, f"fault {name} does not exist; faults are: {', '.join(known) or 'none'}")
        return JSONResponse(self._remove([name]))

    async def _clear_all(self, _: Request) -> Response:
        return JSONResponse(self._remove([str(each["name"]) for _, each in self._store.scan(faults.PREFIX)]))

    def _remove(self, names: list[str]) -> dict[str, Any]:
        with self._store.transaction() as change:
            for name in names:
                record = self._store.get(faults.PREFIX + name)
                if record is not None:
                    change.delete(faults.PREFIX + name)
                    self._tell(change.event, "fault.cleared", name, record)
        return {"cleared": names}

    def _shown(self, record: Document) -> dict[str, Any]:
        name = str(record["name"])
        problem = self._problems().get(name, "")
        state = "problem" if problem else "in force" if "inForceAt" in record else "pending"
        until = record["until"]
        return {
            **record,
            "state": state,
            "problem": problem,
            "does": faults.describe(record),
            "ends": None if until is None else rfc3339(until),
        }

    def _tell(self, event: Callable[[Event], None], kind: str, name: str, record: Document) -> None:
        event(Event(self._clock.now(), kind, name, faults.describe(record), dict(record)))


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": {"message": message}}, status)
