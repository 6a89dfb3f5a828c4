"""Long-running operations of Compute: each change has one, and it is DONE when the change is, not before.

Most changes are done when they are written; their operations take as long as the cloud's latencies say, PENDING at first, then RUNNING.
Where the controllers have work to do, the operation waits for documents to be gone: the request that was put down for them, or
the resource that is being deleted. Both are kept in the store, so an operation is finished across restarts too.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from localcloud.api.latencies import Latencies
from localcloud.api.links import link
from localcloud.clock import Clock, rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from localcloud.store import Document, Event, Store, Transaction


@dataclass(frozen=True, slots=True)
class Until:
    """Something an operation waits for: that the document at `key` is gone or, with a `field`, that it has one of `values`."""

    key: str
    field: str = ""
    values: tuple[str, ...] = ()

    def holds(self, store: Store) -> bool:
        """Tell whether it has come about."""
        document = store.get(self.key)
        return document is None or (bool(self.field) and document.get(self.field) in self.values)


_PENDING = "control/operations/"
_PENDING_PART = 0.25  # of its latency, an operation has not started
_KEPT = 1000  # finished operations that are kept; Google keeps them for 14 days
_REQUEST_IDS = "control/request-ids/"


class ReusedIdError(ValueError):
    """A request's id that another request had."""


class Operations:
    """Makes operations, finishes them, and lets callers wait for them."""

    def __init__(self, store: Store, clock: Clock, latencies: Latencies | None = None) -> None:
        self._store = store
        self._clock = clock
        self._latencies = latencies or Latencies()
        self._timers: dict[str, asyncio.Task[None]] = {}  # by key of the pending record
        self._waiters: dict[str, list[asyncio.Future[None]]] = {}
        self._pending: dict[str, Document] = {}
        self._awaited: dict[str, set[str]] = {}  # by a document's key: the pending records that wait for it
        for key, record in store.scan(_PENDING):
            self._await(key, record)
        # By an operation's key: that of the record of its request's id.
        self._requests = {record["operation"]: key for key, record in store.scan(_REQUEST_IDS)}
        self._finished = [
            key
            for key, op in store.scan("compute/projects/")
            if "/operations/" in key and op["status"] == "DONE"
        ]
        self._finished.sort(key=lambda key: int((store.get(key) or {})["id"]))
        store.watch(self._changed)
        self._settle(frozenset(self._pending))

    def begin(
        self,
        tx: Transaction,
        *,
        kind: str,
        target: str,
        target_id: str,
        user: str,
        until: Sequence[Until] = (),
        request_id: str = "",
        request: str = "",
        changes: Mapping[str, Any] | None = None,
    ) -> Document:
        """Put an operation into the transaction and return it.

        Args:
            tx: what the change itself is written with.
            kind: the operation's type: insert, delete, patch, setLabels, ...
            target: relative name of the resource.
            target_id: its numeric id.
            user: who asked.
            until: what it waits for: it is RUNNING until all of that has come about. Nothing: DONE when its latency is over.
            request_id: the client's own id of the request; a repeat gets this operation again.
            request: what is asked, so that a repeat is known from another request under the same id.
            changes: further fields of the operation.
        """
        parts = target.split("/")
        scope = parts[2] if len(parts) > 2 else "global"  # of the project itself
        location = f"projects/{parts[1]}/{scope}" + ("" if scope == "global" else f"/{parts[3]}")
        number = self._store.next_number("id", first=1_000_000_000_000_000_001)
        now = self._clock.now()
        stamp = rfc3339(now)
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        name = f"operation-{int(now * 1000)}-{digest[:13]}-{digest[13:21]}-{digest[21:29]}"
        relname = f"{location}/operations/{name}"
        takes = self._latencies.of(parts[-2])
        running = bool(until) or takes > 0
        operation: dict[str, Any] = {
            "kind": "compute#operation",
            "id": str(number),
            "name": name,
            "operationType": kind,
            "targetLink": link(target),
            "targetId": target_id,
            "status": "PENDING" if takes > 0 else "RUNNING" if running else "DONE",
            "user": user,
            "progress": 0 if running else 100,
            "insertTime": stamp,
            "selfLink": link(relname),
            **(changes or {}),
        }
        if takes == 0:
            operation["startTime"] = stamp
        if not running:
            operation["endTime"] = stamp
        if scope != "global":
            operation[scope.removesuffix("s")] = link(location)
        key = f"compute/{relname}"
        tx.put(key, operation)
        if running:
            times = {"startAt": now + takes * _PENDING_PART, "notBefore": now + takes} if takes > 0 else {}
            waits = [asdict(each) for each in until]
            tx.put(_PENDING + relname, {"operation": key, "until": waits, **times})
        else:
            self._retire(tx, key)
        if request_id:
            tx.put(_REQUEST_IDS + request_id, {"operation": key, "request": request})
            self._requests[key] = _REQUEST_IDS + request_id
        return operation

    def repeated(self, request_id: str, request: str) -> Document | None:
        """Return the operation that a request of this id already has.

        Raises:
            ReusedIdError: what was asked under this id was something else.
        """
        record = self._store.get(_REQUEST_IDS + request_id)
        if record is None:
            return None
        if record.get("request", request) != request:
            raise ReusedIdError(request_id)
        return self._store.get(record["operation"])

    async def wait(self, key: str, seconds: float) -> Document | None:
        """Return the operation when it is DONE, or as it stands after so many cloud seconds."""
        operation = self._store.get(key)
        if operation is None or operation["status"] == "DONE":
            return operation
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(key, []).append(done)
        deadline = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((done, deadline), return_when=asyncio.FIRST_COMPLETED)
        finally:
            deadline.cancel()
            waiters = self._waiters.get(key, [])
            if done in waiters:
                waiters.remove(done)
        return self._store.get(key)

    def _changed(self, keys: frozenset[str], _events: tuple[Event, ...]) -> None:
        concerned: set[str] = set()
        for key in keys:
            if key.startswith(_PENDING):
                record = self._store.get(key)
                self._await(key, record)
                if record is not None:
                    concerned.add(key)
                    if "notBefore" in record:
                        self._time(key)
        if self._awaited:
            for key in self._awaited.keys() & keys:
                concerned |= self._awaited[key]
        if concerned:
            self._settle(frozenset(concerned))

    def _await(self, key: str, record: Document | None) -> None:
        """Take note of what a pending record waits for, so that only its changes are looked into; None: for nothing any more."""
        for each in self._pending.pop(key, {}).get("until", ()):
            waiting = self._awaited.get(each["key"], set())
            waiting.discard(key)
            if not waiting:
                self._awaited.pop(each["key"], None)
        if record is not None:
            self._pending[key] = record
            for each in record["until"]:
                self._awaited.setdefault(each["key"], set()).add(key)

    def awake(self) -> None:
        """See to it that what is pending goes on: after a restart nothing has been timed yet."""
        for key in [key for key, record in self._pending.items() if "notBefore" in record]:
            self._time(key)

    def _time(self, key: str) -> None:
        if key not in self._timers:
            self._timers[key] = asyncio.get_running_loop().create_task(self._later(key))

    async def _later(self, key: str) -> None:
        """Let an operation start, and be finished, each at its time."""
        for name in ("startAt", "notBefore"):
            record = self._pending.get(key)
            if record is not None:
                await self._clock.sleep(record[name] - self._clock.now())
                self._settle(frozenset({key}))
        self._timers.pop(key, None)

    def _settle(self, candidates: frozenset[str]) -> None:
        finished = []
        now = self._clock.now()
        for key in sorted(candidates):
            record = self._pending.get(key)
            if record is None:
                continue
            if now < record.get("notBefore", 0.0):
                if now >= record["startAt"]:
                    self._start(record["operation"])
                continue
            if all(
                Until(each["key"], each["field"], tuple(each["values"])).holds(self._store)
                for each in record["until"]
            ):
                finished.append((key, record["operation"]))
        if not finished:
            return
        stamp = rfc3339(now)
        with self._store.transaction() as tx:
            for pending, key in finished:
                tx.delete(pending)
                operation = self._store.get(key)
                if operation is not None:
                    done = {
                        "startTime": stamp,
                        **operation,
                        "status": "DONE",
                        "progress": 100,
                        "endTime": stamp,
                    }
                    tx.put(key, done)
                    self._retire(tx, key)
        for _, key in finished:
            for waiter in self._waiters.pop(key, []):
                if not waiter.done():
                    waiter.set_result(None)

    def _start(self, key: str) -> None:
        operation = self._store.get(key)
        if operation is not None and operation["status"] == "PENDING":
            with self._store.transaction() as tx:
                stamp = rfc3339(self._clock.now())
                tx.put(key, {**operation, "status": "RUNNING", "startTime": stamp})

    def _retire(self, tx: Transaction, key: str) -> None:
        """Forget the oldest finished operations, and the request ids that led to them."""
        self._finished.append(key)
        if len(self._finished) <= _KEPT + 100:
            return
        old = set(self._finished[:-_KEPT])
        self._finished = self._finished[-_KEPT:]
        for forgotten in old:
            tx.delete(forgotten)
            if forgotten in self._requests:
                tx.delete(self._requests.pop(forgotten))
