"""Giving disks to instances and taking them away: attachDisk, detachDisk, setDiskAutoDelete.

Google attaches to running instances too; here a disk is a folder that is mounted when an instance's sandbox is made, so that the
instance must be stopped. What is said here is what its next start finds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.api import errors
from localcloud.api.compute.methods import CollectionMethods, commit
from localcloud.api.compute.references import find
from localcloud.api.compute.request_ids import once
from localcloud.api.links import key_of, link, parse

if TYPE_CHECKING:
    from localcloud.api.call import Call, Handler, Result
    from localcloud.api.compute.draft import Draft
    from localcloud.store import Document

_MOST = 128  # disks of an instance


class DiskAttachmentMethods(CollectionMethods):
    """The three methods on instances."""

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by method id."""
        return {
            "compute.instances.attachDisk": once(self.attach),
            "compute.instances.detachDisk": once(self.detach),
            "compute.instances.setDiskAutoDelete": once(self.set_auto_delete),
        }

    def attach(self, call: Call) -> Result:
        """Give a stopped instance a disk of its zone."""
        draft = _stopped(self.existing(call))
        given = call.body
        if given.get("type") == "SCRATCH" or given.get("initializeParams"):
            rule = "A disk that exists is attached: make it with disks.insert, and name it as source."
            raise errors.invalid("resource.source", given.get("source") or "", rule)
        if given.get("boot"):
            raise errors.invalid(
                "resource.boot", "true", "The local cloud's instances keep their boot disks."
            )
        relname, disk = _disk(draft, given.get("source"))
        entries: list[Document] = draft.document.get("disks") or []
        if len(entries) >= _MOST:
            raise errors.invalid("resource.source", relname, f"An instance can have at most {_MOST} disks.")
        device = given.get("deviceName") or f"persistent-disk-{_free_number(entries)}"
        if any(entry["deviceName"] == device for entry in entries):
            rule = "The instance has a disk with this device name already."
            raise errors.invalid("resource.deviceName", device, rule)
        mode = given.get("mode") or "READ_WRITE"
        users: list[str] = disk.get("users") or []
        if draft.document["selfLink"] in users or (users and mode != "READ_ONLY"):
            raise errors.in_use("disk", relname, users[0].partition("/v1/")[2])
        entry = {
            "kind": "compute#attachedDisk",
            "type": "PERSISTENT",
            "mode": mode,
            "deviceName": device,
            "index": max((entry["index"] for entry in entries), default=-1) + 1,
            "boot": False,
            "autoDelete": bool(given.get("autoDelete", False)),
            "diskSizeGb": disk["sizeGb"],
            "interface": given.get("interface") or "SCSI",
            "source": link(relname),
        }
        draft.document["disks"] = [*entries, entry]
        times = {"lastAttachTimestamp": call.cloud.timestamp()}
        draft.writes[f"compute/{relname}"] = {**disk, **times, "users": [*users, draft.document["selfLink"]]}
        return commit(call, draft, "attachDisk")

    def detach(self, call: Call) -> Result:
        """Take a disk from a stopped instance; it stays as it is, for whoever attaches it next."""
        draft = _stopped(self.existing(call))
        entry = _entry(draft, call.query.get("deviceName"))
        if entry["boot"]:
            rule = "The local cloud's instances keep their boot disks."
            raise errors.invalid("deviceName", entry["deviceName"], rule)
        draft.document["disks"] = [each for each in draft.document["disks"] if each is not entry]
        key = key_of(entry["source"])
        disk = call.cloud.store.get(key)
        if disk is not None:
            rest = [user for user in disk.get("users", []) if user != draft.document["selfLink"]]
            free = {name: value for name, value in disk.items() if name != "users"}
            times = {"lastDetachTimestamp": call.cloud.timestamp()}
            draft.writes[key] = {**free, **times, **({"users": rest} if rest else {})}
        return commit(call, draft, "detachDisk")

    def set_auto_delete(self, call: Call) -> Result:
        """Say whether a disk goes with its instance."""
        draft = self.existing(call)
        _entry(draft, call.query.get("deviceName"))["autoDelete"] = bool(call.query.get("autoDelete"))
        return commit(call, draft, "setDiskAutoDelete")


def _stopped(draft: Draft) -> Draft:
    if draft.document["status"] != "TERMINATED":
        message = (
            f"The resource '{draft.relname}' is not ready: its status is {draft.document['status']}. The local cloud attaches and "
            "detaches disks of instances that are TERMINATED: stop it first."
        )
        raise errors.ApiError(400, "resourceNotReady", message)
    return draft


def _disk(draft: Draft, source: str | None) -> tuple[str, Document]:
    """Return the relative name of the disk that a request names, and the disk."""
    if not source:
        raise errors.required("resource.source")
    wanted = parse(source, draft.project)
    if wanted is None or wanted.split("/")[-2] != "disks":
        raise errors.invalid(
            "resource.source", source, "The URL is malformed: must be a link to one of disks."
        )
    relname = find(draft.cloud.store, wanted)
    if relname is None:
        raise errors.not_found(wanted)
    disk: Document = draft.cloud.store.get(f"compute/{relname}") or {}
    if disk["zone"] != draft.document["zone"]:
        rule = f"The disk must be in the instance's zone, {draft.location}."
        raise errors.invalid("resource.source", source, rule)
    return relname, disk


def _entry(draft: Draft, device: str | None) -> dict[str, Any]:
    """Return what the instance has under a device name."""
    if not device:
        raise errors.required("deviceName")
    for entry in draft.document.get("disks") or []:
        if entry["deviceName"] == device:
            found: dict[str, Any] = entry
            return found
    raise errors.invalid("deviceName", device, f"No attached disk found with device name '{device}'")


def _free_number(entries: list[Document]) -> int:
    taken = {entry["deviceName"] for entry in entries}
    return next(number for number in range(len(entries) + 1) if f"persistent-disk-{number}" not in taken)
