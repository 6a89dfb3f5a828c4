"""Keeps machines as the instance documents and intents ask, and the documents' statuses as the machines are.

PROVISIONING -> STAGING (its machine is being started) -> RUNNING -> STOPPING -> gone or TERMINATED, or SUSPENDING -> SUSPENDED. One that is
stopped or suspended comes back by PROVISIONING. A machine whose guest powered itself off stops; one that crashed stays RUNNING, as on
Google Cloud; one that is missing (the host went down) is started again.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from localcloud.control import faults, network, serving
from localcloud.control.errors import record_error
from localcloud.control.intents import PASSING, PREFIX, intend, intent_of
from localcloud.control.links import last, relname
from localcloud.control.machine_operations import MachineOperations
from localcloud.control.member import Member
from localcloud.control.template import member_key, metadata_value
from localcloud.store import Document, Event, Store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from localcloud.clock import Clock
    from localcloud.plans.machine import Machines, MachineView
    from localcloud.plans.network import NetworkInterface


_AT_REST = frozenset({"TERMINATED", "SUSPENDED"})  # nobody asks for the machine of such an instance


class MachineKeeper:
    """Reconciles instances one at a time, by key; at most one operation per machine is under way."""

    def __init__(self, store: Store, clock: Clock, machines: Machines, wake: Callable[[str], None]) -> None:
        """`wake(instance key)` asks for another reconciliation, when an operation has ended."""
        self._store, self._clock, self._machines, self._wake = store, clock, machines, wake
        self._operations = MachineOperations(store, clock, machines)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, tuple[int, float]] = {}
        self._interfaces: Mapping[str, NetworkInterface] = {}
        self._waiting: set[str] = set()
        self._first_look = True
        self._swept: tuple[Sequence[str], Mapping[str, MachineView]] | None = None
        self._ended: dict[
            str, str
        ] = {}  # machines that were seen "exited" or "missing", and not yet acted on

    def network_applied(self, interfaces: Mapping[str, NetworkInterface]) -> None:
        """Learn that these interfaces' (by instance key) networks and firewall rules are in force; what waited for that goes on."""
        self._interfaces = interfaces
        for key in sorted(self._waiting):
            self._wake(key)
        self._waiting.clear()

    def host_returned(self, key: str, numeric_id: str) -> None:
        """Learn that the zone of this instance is back. With the id of a machine that died with it: that is started again."""
        if numeric_id:
            self._ended[numeric_id] = "missing"
        self._wake(key)

    def forwarded(self, addresses: Mapping[str, tuple[str, ...]]) -> None:
        """Learn which forwarding rules' addresses these instances (by key) answer to from now on; they are told."""
        for key, answered in addresses.items():
            if answered:
                self._operations.forwarded[key] = answered
            else:
                self._operations.forwarded.pop(key, None)
            self._wake(key)

    def reconcile(self, key: str) -> float | None:
        """Begin what this instance needs; return when to look again."""
        document = self._store.get(key)
        if document is None:
            return None
        numeric_id = str(document["id"])
        if numeric_id in self._tasks:
            return None
        now = self._clock.now()
        _, due = self._failures.get(numeric_id, (0, 0.0))
        if now < due:
            return due
        intent = intent_of(self._store, numeric_id)
        match intent["intent"]:
            case "run":
                return self._run(key, document, numeric_id)
            case "delete" | "stop" | "suspend":
                return self._bring_down(key, document, numeric_id, intent)
            case "restart":
                self._begin(
                    key,
                    numeric_id,
                    lambda: self._operations.stop(key, document, numeric_id, then="PROVISIONING"),
                )
            case "reset":
                self._begin(key, numeric_id, lambda: self._operations.reset(key, numeric_id))
            case other:
                msg = f"{PREFIX}{numeric_id}: intent {other!r} is not run, delete, stop, suspend, restart or reset"
                raise ValueError(msg)
        return None

    def machine_changed(self, numeric_id: str) -> None:
        """Learn that this machine's state changed: an exit or a loss is acted on."""
        self._notice(numeric_id, self._machines.look_at(numeric_id))

    def sweep(self) -> None:
        """Look at all machines: notice those that exited or are gone, remove those that nobody owns."""
        views, records = self._machines.observe(), self._store.keys(PREFIX)
        if (records, views) == self._swept:
            return  # the same machines in the same states, and the same owners, as when all was well
        owned, well = set(), True
        for record_key, record in self._store.scan(PREFIX):
            numeric_id = record_key.removeprefix(PREFIX)
            document = self._store.get(record["instance"])
            if document is not None and str(document["id"]) == numeric_id:
                owned.add(numeric_id)
                view = views.get(numeric_id)
                if document["status"] not in _AT_REST and (view is None or view.state != "running"):
                    well = False
                    self._notice(numeric_id, view)
            elif numeric_id not in self._tasks:
                with self._store.transaction() as change:
                    change.delete(record_key)
        for numeric_id in views:
            if numeric_id not in owned and numeric_id not in self._tasks:
                well = False
                self._begin("", numeric_id, partial(self._operations.discard, numeric_id))
        self._first_look = False
        self._swept = (records, dict(views)) if well and len(owned) == len(records) else None

    def _notice(self, numeric_id: str, view: MachineView | None) -> None:
        record = self._store.get(PREFIX + numeric_id)
        document = self._store.get(record["instance"]) if record else None
        if record is None or document is None or document["status"] != "RUNNING" or numeric_id in self._tasks:
            return
        if view is not None and view.state == "crashed" and not self._first_look:
            # A crash is the guest's own affair: it goes on as RUNNING. Written down, so that the next daemon knows that
            # this one saw it.
            if "crashedAt" not in record:
                with self._store.transaction() as change:
                    change.put(PREFIX + numeric_id, {**record, "crashedAt": self._clock.now()})
            return
        # What died while no daemon looked, died with its host: it is started again, as Google's automaticRestart does.
        lost = view is None or (view.state == "crashed" and "crashedAt" not in record)
        if lost or (view is not None and view.state == "exited"):
            self._ended[numeric_id] = "missing" if lost else "exited"
            self._wake(record["instance"])

    async def settle(self) -> None:
        """Wait for the operations under way (when the controllers stop)."""
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _run(self, key: str, document: Document, numeric_id: str) -> float | None:
        status = document["status"]
        if status == "RUNNING":
            ended = self._ended.get(numeric_id, "")
            if ended == "exited":
                del self._ended[numeric_id]
                self._exited(key, document)
            elif not ended and self._operations.told.get(numeric_id) != self._operations.forwarded.get(
                key, ()
            ):
                self._begin(key, numeric_id, lambda: self._operations.forward(key, numeric_id))
            if ended != "missing":
                return None
        if status not in {"PROVISIONING", "STAGING", "RUNNING"}:
            return None
        if faults.is_out(self._store, last(document["zone"])):
            return None  # until `host_returned`
        if network.interface(self._store, document) != self._interfaces.get(key):
            self._waiting.add(key)
            return None
        spec = self._operations.spec(key, document)
        self._ended.pop(numeric_id, None)
        with self._store.transaction() as change:
            record = {**intent_of(self._store, numeric_id), "instance": key, "runningAt": 0.0}
            record.pop("crashedAt", None)
            change.put(PREFIX + numeric_id, record)
            if status != "STAGING":
                change.put(key, {**document, "status": "STAGING"})
            if status == "RUNNING":
                self._operations.tell(
                    change,
                    "instance.restarted",
                    document,
                    "its machine is gone (the host went down?); started again",
                    {},
                )
        self._begin(key, numeric_id, lambda: self._operations.start(key, spec))
        return None

    def _exited(self, key: str, document: Document) -> None:
        with self._store.transaction() as change:
            intend(self._store, change, key, "stop", now=self._clock.now())
            self._operations.tell(change, "instance.exited", document, "the guest powered itself off", {})

    def _bring_down(self, key: str, document: Document, numeric_id: str, intent: Document) -> float | None:
        if intent.get("drain") and document["status"] == "RUNNING":
            group = relname(metadata_value(document, "created-by"))
            due = float(intent["since"]) + (serving.drain_time(self._store, group) if group else 0.0)
            if self._clock.now() < due:
                return due
        passing = PASSING.get(intent["intent"], "STOPPING")
        if document["status"] != passing and (
            intent["intent"] == "delete" or document["status"] != "TERMINATED"
        ):
            with self._store.transaction() as change:
                change.put(key, {**document, "status": passing})
        operations = self._operations
        work: Mapping[str, Callable[[], Awaitable[None]]] = {
            "delete": lambda: operations.remove(key, document, numeric_id),
            "stop": lambda: operations.stop(key, document, numeric_id, then="TERMINATED"),
            "suspend": lambda: operations.suspend(key, document, numeric_id),
        }
        self._begin(key, numeric_id, work[intent["intent"]])
        return None

    def _begin(self, key: str, numeric_id: str, work: Callable[[], Awaitable[None]]) -> None:
        self._tasks[numeric_id] = asyncio.ensure_future(self._attempt(key, numeric_id, work))

    async def _attempt(self, key: str, numeric_id: str, work: Callable[[], Awaitable[None]]) -> None:
        """Carry out one operation; a failure is told and tried again with back-off, and concerns this machine only."""
        try:
            await work()
            self._failures.pop(numeric_id, None)
        except Exception as error:  # noqa: BLE001 - whatever went wrong with one machine must not stop the others
            failures = self._failures.get(numeric_id, (0, 0.0))[0] + 1
            wait = min(300.0, 5.0 * 2.0 ** min(failures - 1, 8))
            self._failures[numeric_id] = (failures, self._clock.now() + wait)
            self._failed(key, error, wait)
        finally:
            del self._tasks[numeric_id]
            if key:
                self._wake(key)

    def _failed(self, key: str, error: Exception, wait: float) -> None:
        document = self._store.get(key)
        message = f"{type(error).__name__}: {error}"
        with self._store.transaction() as change:
            if document is None:
                change.event(
                    Event(self._clock.now(), "machine.failed", last(key), message, {"retry_in": wait})
                )
                return
            self._operations.tell(
                change,
                "machine.failed",
                document,
                f"{message}; tried again in {wait:g} s",
                {"retry_in": wait},
            )
            record_key = member_key(document)
            if (record := self._store.get(record_key)) is not None:
                attempt = {"errors": {"errors": [{"code": "INTERNAL_ERROR", "message": message}]}}
                change.put(record_key, {**record, "lastAttempt": attempt})
                group = record_key.removeprefix("control/managed/").rpartition("/")[0]
                record_error(
                    self._store,
                    change,
                    group,
                    Member.parse({**record, "lastAttempt": attempt}),
                    self._clock.now(),
                )
