"""Ends faults when their time is over, and carries out outages of zones as Google's would be seen.

The machines of a zone that goes out die at once and silently: their instances stay RUNNING for as long as Compute Engine takes to
notice (scheduling.hostErrorTimeoutSeconds, 330 unless said), while both checks find out by themselves. After that an instance is
REPAIRING, or TERMINATED without automaticRestart. Nothing starts in the zone and nothing can be created there
(ZONE_RESOURCE_POOL_EXHAUSTED) until it is back; then what is REPAIRING or died unnoticed is started again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from localcloud.control import faults
from localcloud.control.intents import PREFIX, intend
from localcloud.control.links import last
from localcloud.store import Document, Event, Store, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localcloud.clock import Clock
    from localcloud.plans.machine import Machines

_HOST_ERROR_TIMEOUT = 330.0


class FaultKeeper:
    """Looks at all faults together; what is lost to an outage is noted in the machine's record as ``lostAt``."""

    def __init__(
        self, store: Store, clock: Clock, machines: Machines, returned: Callable[[str, str], None]
    ) -> None:
        """`returned(instance key, numeric id)` is told of each instance whose host is back, if its machine is dead."""
        self._store, self._clock, self._machines, self._returned = store, clock, machines, returned
        self._crashing: dict[str, asyncio.Task[None]] = {}
        self._out: frozenset[str] | None = None  # the zones that were out at the last look

    def look(self, _: str) -> float | None:
        """Do what is due; return when to look again."""
        now = self._clock.now()
        due = []
        with self._store.transaction() as change:
            for key, record in self._store.scan(faults.PREFIX):
                if record["until"] is not None and record["until"] <= now:
                    change.delete(key)
                    change.event(
                        Event(now, "fault.cleared", last(key), f"{faults.describe(record)}: its time is over")
                    )
                    continue
                if record["until"] is not None:
                    due.append(float(record["until"]))
        out = faults.outages(self._store)
        if out or self._out != out:
            due += self._look_at_instances(out, now)
            self._out = out
        return min(due) if due else None

    def _look_at_instances(self, out: frozenset[str], now: float) -> list[float]:
        due = []
        for key, document, record in self._instances():
            down = last(document["zone"]) in out
            if down and document["status"] == "RUNNING":
                noticed = float(record.get("lostAt", now)) + _timeout(document)
                if "lostAt" not in record:
                    self._lose(key, document, record, now)
                if now >= noticed:
                    self._notice(key, document, now)
                else:
                    due.append(noticed)
            elif not down and ("lostAt" in record or document["status"] == "REPAIRING"):
                self._restore(key, document, record, now)
            elif not down and document["status"] in {"PROVISIONING", "STAGING"}:
                self._returned(
                    key, ""
                )  # one whose start failed is STAGING, and was not tried again meanwhile
        return due

    def in_force(self, names: frozenset[str]) -> None:
        """Note that these faults are in force: the network that has them was applied."""
        with self._store.transaction() as change:
            for key, record in self._store.scan(faults.PREFIX):
                if "inForceAt" not in record and last(key) in names:
                    change.put(key, {**record, "inForceAt": self._clock.now()})

    async def settle(self) -> None:
        """Wait for what is under way."""
        for task in list(self._crashing.values()):
            task.cancel()
        await asyncio.gather(*self._crashing.values(), return_exceptions=True)

    def _instances(self) -> Iterator[tuple[str, Document, Document]]:
        for key, document in self._store.scan("compute/projects/"):
            if key.split("/")[-2] == "instances":
                yield key, document, self._store.get(PREFIX + str(document["id"])) or {}

    def _lose(self, key: str, document: Document, record: Document, now: float) -> None:
        numeric_id = str(document["id"])
        if self._machines.look_at(numeric_id) is None:
            return  # not there yet; looked at again when its document changes
        with self._store.transaction() as change:
            change.put(
                PREFIX + numeric_id,
                {
                    "intent": "run",
                    "since": 0.0,
                    "drain": False,
                    "runningAt": 0.0,
                    **record,
                    "instance": key,
                    "lostAt": now,
                },
            )
            self._tell(change, "instance.lost", document, "its machine is dead: the zone is out", now)
        self._crashing[numeric_id] = asyncio.ensure_future(self._crash(numeric_id))

    async def _crash(self, numeric_id: str) -> None:
        try:
            await self._machines.crash(numeric_id)
        finally:
            del self._crashing[numeric_id]

    def _notice(self, key: str, document: Document, now: float) -> None:
        restart = (document.get("scheduling") or {}).get("automaticRestart", True)
        with self._store.transaction() as change:
            if restart:
                change.put(key, {**document, "status": "REPAIRING"})
                self._tell(
                    change,
                    "instance.repairing",
                    document,
                    "Compute Engine noticed that its host is gone",
                    now,
                )
            else:
                intend(self._store, change, key, "stop", now=now)
                self._tell(
                    change, "instance.stopping", document, "its host is gone; no automaticRestart", now
                )

    def _restore(self, key: str, document: Document, record: Document, now: float) -> None:
        numeric_id = str(document["id"])
        kept = {name: value for name, value in record.items() if name != "lostAt"}
        with self._store.transaction() as change:
            if record:
                change.put(PREFIX + numeric_id, kept)
            if document["status"] == "REPAIRING":
                change.put(key, {**document, "status": "PROVISIONING"})
                self._tell(
                    change, "instance.returning", document, "its zone is back: it is started again", now
                )
        self._returned(key, numeric_id if document["status"] == "RUNNING" else "")

    def _tell(self, change: Transaction, kind: str, document: Document, message: str, now: float) -> None:
        fields = {"instance": document["name"], "id": str(document["id"]), "zone": last(document["zone"])}
        change.event(Event(now, kind, document["name"], message, fields))


def _timeout(document: Document) -> float:
    return float((document.get("scheduling") or {}).get("hostErrorTimeoutSeconds") or _HOST_ERROR_TIMEOUT)
