"""What is done to one machine at a time, and the instance's document at the end of it. Nothing here decides or tries again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from localcloud.clock import Clock, rfc3339
from localcloud.control import disks, google_access, network, preserving
from localcloud.control.intents import PREFIX, intent_of
from localcloud.control.links import last
from localcloud.control.machine_types import allotment
from localcloud.control.template import member_key
from localcloud.plans.machine import Machines, MachineSpec
from localcloud.store import Document, Event, Store, Transaction

if TYPE_CHECKING:
    from collections.abc import Mapping

# How long a guest may take to shut down before it is cut off, in cloud seconds.
_GRACE, _SPOT_GRACE = 120.0, 30.0
_STARTS_AT_ONCE = 8


class MachineOperations:
    """Starts, stops and removes machines.

    `forwarded`: forwarding rules' addresses by instance key, as they should be; `told`: by numeric id, as the machine was last told.
    """

    def __init__(self, store: Store, clock: Clock, machines: Machines) -> None:
        self._store, self._clock, self._machines = store, clock, machines
        self._starting = asyncio.Semaphore(_STARTS_AT_ONCE)
        self.forwarded: dict[str, tuple[str, ...]] = {}
        self.told: dict[str, tuple[str, ...]] = {}

    def spec(self, key: str, document: Document) -> MachineSpec:
        """Return the machine that an instance is to have."""
        place = network.interface(self._store, document)
        subnetwork = self._store.get("compute/" + place.subnetwork)
        if subnetwork is None:
            msg = f"instance {document['name']}: its subnetwork {place.subnetwork} does not exist any more"
            raise ValueError(msg)
        allotted = allotment(last(document["machineType"]))
        return MachineSpec(
            key=key,
            name=document["name"],
            id=str(document["id"]),
            zone=last(document["zone"]),
            interface=place,
            gateway=subnetwork.get("gatewayAddress") or network.gateway(subnetwork["ipCidrRange"]),
            forwarded_addresses=self.forwarded.get(key, ()),
            memory_mib=allotted.memory_mib,
            vcpus=allotted.vcpus,
            burst_vcpus=allotted.burst_vcpus,
            **disks.fields(self._store, document),
        )

    async def start(self, key: str, spec: MachineSpec) -> None:
        """Boot; at its end the instance is RUNNING."""
        began = self._clock.now()
        async with self._starting:
            await self._machines.start(spec)
        self.told[spec.id] = spec.forwarded_addresses
        now = self._clock.now()
        document = self._store.get(key)
        if document is None or str(document["id"]) != spec.id:
            return  # deleted meanwhile; the sweep removes the machine
        with self._store.transaction() as change:
            change.put(
                PREFIX + spec.id, {**intent_of(self._store, spec.id), "instance": key, "runningAt": now}
            )
            if document["status"] == "STAGING":
                change.put(key, {**document, "status": "RUNNING", "lastStartTimestamp": rfc3339(now)})
                self.tell(
                    change,
                    "instance.running",
                    document,
                    f"its machine runs after {now - began:.1f} s",
                    {"took": now - began},
                )
                if obstacle := google_access.obstacle(self._store, document):
                    self.tell(change, "instance.cut_off", document, obstacle, {})

    async def stop(self, key: str, document: Document, numeric_id: str, *, then: str) -> None:
        """Shut down; at its end the instance is as `then` says."""
        await self._machines.stop(numeric_id, grace=_grace(document))
        self._came_down(key, numeric_id, then, {"lastStopTimestamp": rfc3339(self._clock.now())})

    async def suspend(self, key: str, _: Document, numeric_id: str) -> None:
        """Pause; at its end the instance is SUSPENDED, and has what is in its memory."""
        await self._machines.suspend(numeric_id)
        self._came_down(key, numeric_id, "SUSPENDED", {"lastSuspendedTimestamp": rfc3339(self._clock.now())})

    def _came_down(self, key: str, numeric_id: str, then: str, fields: Mapping[str, str]) -> None:
        """Write down that a machine does not run any more."""
        now = self._clock.now()
        current = self._store.get(key)
        if (
            current is None
            or str(current["id"]) != numeric_id
            or intent_of(self._store, numeric_id)["intent"] == "delete"
        ):
            return
        with self._store.transaction() as change:
            change.put(key, {**current, "status": then, **fields})
            change.put(
                PREFIX + numeric_id,
                {**intent_of(self._store, numeric_id), "intent": "run", "since": now, "runningAt": 0.0},
            )
            kind = "instance.suspended" if then == "SUSPENDED" else "instance.stopped"
            self.tell(change, kind, current, f"{kind.rpartition('.')[2]}; {then}", {"status": then})

    async def reset(self, key: str, numeric_id: str) -> None:
        """A hard reset: no shutdown, the same disk; the API shows RUNNING throughout."""
        await self._machines.stop(numeric_id, grace=0.0)
        document = self._store.get(key)
        if document is None:
            return
        await self._machines.start(self.spec(key, document))
        now = self._clock.now()
        wanted = intent_of(self._store, numeric_id)
        if (
            wanted["intent"] == "reset"
        ):  # else something else has been asked for meanwhile, and is still to be done
            wanted = {**wanted, "intent": "run", "since": now}
        with self._store.transaction() as change:
            change.put(PREFIX + numeric_id, {**wanted, "runningAt": now})
            self.tell(change, "instance.reset", document, "reset", {})

    async def remove(self, key: str, document: Document, numeric_id: str) -> None:
        """Shut down; at its end the instance is no more."""
        began = self._clock.now()
        await self._machines.stop(numeric_id, grace=_grace(document))
        now = self._clock.now()
        await self._keep_boot_disk(key, numeric_id)
        # while somebody still knows of it: what is cut short here is done again
        await self._machines.forget(numeric_id)
        with self._store.transaction() as change:
            current = self._store.get(key)
            if current is not None and str(current["id"]) == numeric_id:
                disks.detach(self._store, change, current, current.get("disks") or (), now=now)
                change.delete(key)
                if self._store.get(member_key(current)) is None:
                    preserving.free_addresses(self._store, change, key)
            change.delete(PREFIX + numeric_id)
            self.tell(
                change,
                "instance.deleted",
                document,
                f"gone after {now - began:.1f} s of shutting down",
                {"took": now - began},
            )
        self.told.pop(numeric_id, None)

    async def _keep_boot_disk(self, key: str, numeric_id: str) -> None:
        """Take a boot disk that outlives its instance out of the machine's folder, before anybody can want it."""
        document = self._store.get(key)
        if document is None or str(document["id"]) != numeric_id:
            return
        for entry in document.get("disks") or ():
            disk = self._store.get(disks.key_of(entry))
            if entry["boot"] and not entry["autoDelete"] and disk is not None:
                await self._machines.detach(numeric_id, str(disk["id"]))

    async def discard(self, numeric_id: str) -> None:
        """Remove a machine that nobody owns."""
        await self._machines.stop(numeric_id, grace=0.0)
        await self._machines.forget(numeric_id)

    async def forward(self, key: str, numeric_id: str) -> None:
        """Tell a machine the addresses that it answers to."""
        addresses = self.forwarded.get(key, ())
        await self._machines.forwarded(numeric_id, addresses)
        self.told[numeric_id] = addresses

    def tell(
        self, change: Transaction, kind: str, document: Document, message: str, data: Mapping[str, Any]
    ) -> None:
        """Add to the story of an instance."""
        name = document["name"]
        fields = {"instance": name, "id": str(document["id"]), "zone": last(document["zone"]), **data}
        change.event(Event(self._clock.now(), kind, name, message, fields))


def _grace(document: Document) -> float:
    scheduling = document.get("scheduling") or {}
    spot = scheduling.get("preemptible") or scheduling.get("provisioningModel") == "SPOT"
    return _SPOT_GRACE if spot else _GRACE
